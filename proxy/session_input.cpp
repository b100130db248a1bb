// A session's bytes: what was read and not consumed, what is written, and how long either may take.
#include <algorithm>

#include "base/mail/replies.h"
#include "proxy/end_words.h"
#include "proxy/session.h"

namespace sallyport::proxy {
namespace {

constexpr std::size_t kMostUnread = io::Stream::kScratch;

}  // namespace

io::Task<bool> Session::flush() {
  if (machine_->output().empty()) co_return true;
  keep_input();
  std::string output = machine_->take_output();
  Result<> written;
  if (auto sent = stream_->write_now(output); !sent)
    written = std::move(sent.error());
  else if (*sent < output.size())
    written = co_await stream_->write(std::string_view(output).substr(*sent),
                                      services_.clock.now() + settings_->timeouts.write);
  if (!written)
    end_ = written.error().code == Errc::timeout ? "client does not read" : end_word(written.error().code);
  co_return written.has_value();
}

io::Task<bool> Session::receive() {
  std::string().swap(stash_);
  TimePoint began = services_.clock.now();
  reading_ = true;
  auto bytes = co_await stream_->read(budget_.deadline(began));
  reading_ = false;
  if (!bytes) {
    Errc code = bytes.error().code;
    input_ended(bytes.error());
    const bool gone = code != Errc::timeout && code != Errc::stopped;
    // Now, before its retry comes.
    if (unconfirmed_ && gone) co_await not_confirmed(code != Errc::reset && stream_->unacknowledged() == 0);
    co_return code == Errc::timeout || code == Errc::stopped;
  }
  budget_.waited(began, services_.clock.now(), bytes->size());
  input_ = *bytes;
  heard_ = true;
  // Whatever was sent behind our 250 carried its acknowledgement; what was sent before it proves nothing.
  if (unconfirmed_ && stream_->unacknowledged() == 0) heard_us();
  co_return true;
}

// No more input will come, or none is waited for: what the machine says next is the last word.
void Session::input_ended(const Error& error) {
  end_ = end_word(error.code);
  if (error.code == Errc::stopped) machine_->end_session(mail::reply(mail::Refusal::going_down));
  if (error.code == Errc::timeout) machine_->end_session(mail::reply(mail::Refusal::timeout));
}

void Session::keep_input() {
  if (input_.empty() || input_.data() == nullptr) return;
  bool stashed = input_.data() >= stash_.data() && input_.data() < stash_.data() + stash_.size();
  if (stashed) {
    stash_.erase(0, static_cast<std::size_t>(input_.data() - stash_.data()));
  } else {
    stash_.assign(input_);
  }
  input_ = stash_;
}

// Takes up what has arrived meanwhile, so that it can be looked at before we speak.
io::Presence Session::poll_input() {
  if (input_.empty()) stash_.clear();
  keep_input();
  std::size_t room = kMostUnread - std::min(kMostUnread, stash_.size());
  auto presence = stream_->poll(stash_, room);
  input_ = stash_;
  if (!input_.empty()) heard_ = true;
  return presence;
}

bool Session::has_unread() {
  if (input_.empty()) (void)poll_input();
  return !input_.empty();
}

// Asked just before our final dot to the next hop. A client that shut its side down behind a QUIT still
// waits for its reply; any other end of its stream means that nobody would hear our answer.
bool Session::client_is_there() {
  switch (poll_input()) {
    case io::Presence::here:
      return true;
    case io::Presence::closed:
      return smtp::ServerMachine::ends_in_quit(input_);
    case io::Presence::gone:
      return false;
  }
  return false;
}

}  // namespace sallyport::proxy
