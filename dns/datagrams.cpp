#include "dns/datagrams.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/needed_memory.h"
#include "dns/message.h"

namespace sallyport::dns {
namespace {

// Of a question under an id; never zero.
std::size_t mark_of(const Question& question, std::uint16_t id) {
  return (std::hash<Question>{}(question) << 16U | id) + 1;
}

}  // namespace

void Datagrams::expect(Awaited& awaited) { awaited_.push_back({awaited.id, &awaited}); }

void Datagrams::forget(Awaited& awaited, bool lost) {
  const auto place = std::ranges::find(awaited_, &awaited, &Entry::awaited);
  if (place != awaited_.end()) {
    *place = awaited_.back();
    awaited_.pop_back();
  }
  if (lost) lost_.at(next_lost_++ % lost_.size()) = mark_of(*awaited.question, awaited.id);
}

Datagrams::Awaited* Datagrams::judge(Bytes datagram, bool cut) {
  const auto heading = read_heading(datagram);
  if (!heading) return nullptr;
  const auto asks = [&](const Entry& entry) { return is_about(datagram, *entry.awaited->question); };
  const auto answered = std::ranges::find_if(
      awaited_, [&](const Entry& entry) { return entry.id == heading->id && asks(entry); });
  if (answered != awaited_.end()) {
    Awaited& awaited = *answered->awaited;
    awaited.by_tcp = cut || heading->truncated;
    awaited.answer.assign(reinterpret_cast<const char*>(datagram.data()), datagram.size());
    return &awaited;
  }
  const auto asked = std::ranges::find_if(awaited_, asks);
  if (asked == awaited_.end()) return nullptr;
  Awaited& deceived = *asked->awaited;
  const bool late = std::ranges::count(lost_, mark_of(*deceived.question, heading->id)) > 0;
  if (late || ++deceived.forged < kMostForged) return nullptr;
  deceived.by_tcp = true;
  return &deceived;
}

ares_ssize_t Datagrams::receive(ares_socket_t socket, void* data, std::size_t size, int flags,
                                sockaddr* from, ares_socklen_t* from_size) {
  if (left_ == 0) {
    errno = EAGAIN;
    return -1;
  }
  --left_;
  const ssize_t got = ::recvfrom(socket, data, size, flags | MSG_TRUNC, from, from_size);
  if (got <= 0) return got;
  const NeededMemory needed;  // C calls us
  const std::size_t held = std::min(static_cast<std::size_t>(got), size);
  const Awaited* ended =
      judge({static_cast<const std::uint8_t*>(data), held}, held < static_cast<std::size_t>(got));
  if (!ended) return 0;  // c-ares passes over it, and reads on
  // The query itself, which c-ares takes for a faultless answer to it.
  return static_cast<ares_ssize_t>(ended->query.copy(static_cast<char*>(data), size));
}

void Datagrams::read_through(ares_channel channel) {
  static const ares_socket_functions kFunctions = {
      [](int family, int type, int protocol, void*) {
        return ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
      },
      [](ares_socket_t socket, void*) { return ::close(socket); },
      [](ares_socket_t socket, const sockaddr* to, ares_socklen_t size, void*) {
        return ::connect(socket, to, size);
      },
      [](ares_socket_t socket, void* data, std::size_t size, int flags, sockaddr* from,
         ares_socklen_t* from_size, void* self) {
        return static_cast<Datagrams*>(self)->receive(socket, data, size, flags, from, from_size);
      },
      [](ares_socket_t socket, const iovec* parts, int count, void*) {
        return static_cast<ares_ssize_t>(::writev(socket, parts, count));
      }};
  ares_set_socket_functions(channel, &kFunctions, this);
}

}  // namespace sallyport::dns
