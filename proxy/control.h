// What the command line may ask of a gateway that runs: commands by name, one line of JSON each way.
//
// A request is an object with "command"; the answer is any number of objects that the command writes, and a
// last one that says how it ended: {"ok": true} or {"error": "...", "status": 65}, an exit status. Where no
// gateway runs the command line opens the state itself and asks the same commands (proxy/control_client.h).
//
// Commands run on the control thread, never on a core: they may wait for the disk. Filled before the first
// request, and only read from then on.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/config/node.h"
#include "base/result.h"

namespace sallyport::proxy {

class Control {
 public:
  // A line of the answer; false: nobody reads it any more.
  using Write = std::function<bool(const config::Node& line)>;
  // An error's detail is the answer's last line.
  using Command = std::function<Result<>(const config::Node& request, const Write& write)>;
  // Waits, for a bounded time, until the disk has what a command has changed. Its error says what is true
  // instead, and is the command's.
  using Keep = std::function<Result<>()>;

  static constexpr std::size_t kMaxRequest = 64 * 1024;

  void add(std::string name, Command command);
  // Never throws: what a command throws is its error.
  void answer(std::string_view request, const Write& write) const;

 private:
  Result<> run(std::string_view request, const Write& write) const;

  std::map<std::string, Command, std::less<>> commands_;
};

// Of a request, or a line of an answer: "", false or 0 unless it has it as such.
std::string text_of(const config::Node& line, std::string_view key);
bool flag_of(const config::Node& line, std::string_view key);
std::int64_t number_of(const config::Node& line, std::string_view key);

// The control socket belongs to the state: "" where that is in memory only.
std::string control_path(const std::string& state_file);

}  // namespace sallyport::proxy
