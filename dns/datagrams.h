// What comes by UDP for the questions in flight of one channel: ours, and not c-ares' to judge. For dns/
// alone.
//
// c-ares 1.18 drops an answer of another id without a word, so that a forger who tries one id after the
// other is never noticed; and it believes a forged FORMERR or truncation of the right id for all questions
// to come. So its sockets read through us, and it only hears that a question has been answered.
//
// An answer to a question in flight under an id that is not its own counts as forged, unless that id was
// given up lately: then it comes too late. After kMostForged the question believes UDP no more. What
// answers no question in flight is dropped and does not count: nobody could be deceived by it. One thread.
#pragma once

#include <ares.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "dns/cursor.h"
#include "dns/question.h"

namespace sallyport::dns {

class Datagrams {
 public:
  static constexpr int kMostForged = 8;
  static constexpr int kAtOnce = 64;  // then the loop's other work has its turn

  struct Awaited {
    std::string query;
    std::uint16_t id = 0;
    const Question* question = nullptr;  // lives as long
    int forged = 0;
    std::string answer;   // whole, of the right id and question
    bool by_tcp = false;  // it was cut off, or too many were forged
  };

  // Each until forget(); `lost`: no answer came in time.
  void expect(Awaited& awaited);
  void forget(Awaited& awaited, bool lost);

  void begin() { left_ = kAtOnce; }         // before c-ares may read
  void read_through(ares_channel channel);  // which we outlive

  // Who has been answered, or has seen too many forgeries, with this datagram; else null. `cut`: there was
  // more.
  Awaited* judge(Bytes datagram, bool cut = false);

 private:
  ares_ssize_t receive(ares_socket_t socket, void* data, std::size_t size, int flags, sockaddr* from,
                       ares_socklen_t* from_size);

  struct Entry {
    std::uint16_t id;
    Awaited* awaited;
  };

  std::vector<Entry> awaited_;           // few enough to look through: Upstream::kAtOnce, as a rule
  std::array<std::size_t, 256> lost_{};  // a ring of marks
  std::size_t next_lost_ = 0;
  int left_ = kAtOnce;
};

}  // namespace sallyport::dns
