// What a person sees of the demo: the two sides of each session, what was found out, and how it went. To
// standard output, in colours where it has any.
#pragma once

#include <fmt/color.h>

#include <string>
#include <string_view>

#include "base/json_view.h"
#include "proxy/demo_sessions.h"

namespace sallyport::proxy {

class DemoStage {
 public:
  explicit DemoStage(bool colour) : colour_(colour) {}

  void title(std::size_t number, const DemoSession& session) const;
  void client(std::string_view text) const;
  void server(std::string_view text) const;
  void server_again(std::string_view text) const;  // what was shown before at full length: in one line
  void aside(std::string_view text) const;
  void evidence(const JsonValue& event, std::string_view how_to_explain) const;
  void outcome(bool good, std::string_view text) const;

 private:
  std::string styled(std::string_view text, fmt::text_style style) const;
  void lines(const char* mark, std::string_view text, fmt::text_style style, std::size_t most) const;

  bool colour_;
};

}  // namespace sallyport::proxy
