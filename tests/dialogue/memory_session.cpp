#include "tests/dialogue/memory_session.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/text.h"

namespace sallyport::dialogue {
namespace {

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

const std::set<std::string> known = {"anna@example.test", "bob@example.test"};

}  // namespace

MemorySession::MemorySession(smtp::ServerOptions options, bool implicit_tls)
    : machine_(std::move(options), "sess1") {
  if (implicit_tls) machine_.set_tls_from_start();
  machine_.greet();
  flush();
}

void MemorySession::receive(std::string_view octets, bool more_behind) {
  while (!closed_) {
    const std::size_t left = octets.size();
    const std::size_t written = output_.size();
    const smtp::Event event = machine_.next(octets);
    const bool waits = handle(event, more_behind || !octets.empty());
    // Input that is neither taken nor held back by output waits for something else: a handshake.
    const bool stuck = octets.size() == left && output_.size() == written;
    if (waits && (octets.empty() || stuck)) return;
  }
}

void MemorySession::complete_handshake() {
  log_.emplace_back("handshake");
  machine_.tls_established();
}

void MemorySession::answer_with(const std::string& event, const mail::Reply& reply) {
  if (reply.code == 0)
    answers_.erase(event);
  else
    answers_[event] = reply;
}

bool MemorySession::handle(const smtp::Event& event, bool unread) {
  const auto ok = [](int subject) {
    return mail::reply(250, {2, static_cast<std::uint16_t>(subject), 0}, "OK");
  };
  const auto handlers = Overloaded{
      [&](const smtp::NeedInput&) { flush(); },
      [&](const smtp::Helo& helo) {
        log_.push_back((helo.extended ? "ehlo " : "helo ") + helo.name);
        ask("HELO", ok(0), unread);
      },
      [&](const smtp::Mail& mail) {
        log_.push_back("mail " + mail.sender.address());
        ask("MAIL", ok(1), unread);
      },
      [&](const smtp::Rcpt& rcpt) {
        log_.push_back("rcpt " + rcpt.recipient.address());
        const auto reply = judge_recipient(rcpt.recipient);
        if (reply.permanent() && (!unread || machine_.extended())) ++own_;
        ask("RCPT", reply, unread);
      },
      [&](const smtp::DataBegins& data) { begin_message(data.chunked, unread); },
      [&](const smtp::Body& body) {
        content_ += body.bytes;
        if (discard_) machine_.discard(*std::exchange(discard_, std::nullopt));
      },
      [&](const smtp::MessageEnds&) { end_message(); },
      [&](const smtp::MessageDropped& dropped) {
        log_.push_back("dropped " + std::to_string(dropped.reply.code));
        if (dropped.reply.code != 0) ++own_;
        transaction_ended();
        content_.clear();
      },
      [&](const smtp::TransactionReset&) {
        log_.emplace_back("reset");
        transaction_ended();
        content_.clear();
      },
      [&](const smtp::StartTls&) {
        log_.emplace_back("starttls");
        flush();
      },
      [&](const smtp::Auth& auth) {
        log_.push_back("auth " + auth.mechanism + ' ' + auth.user);
        const bool right = auth.user == "anna" && auth.password == "secret";
        ask("AUTH",
            right ? mail::reply(235, {2, 7, 0}, "Authenticated") : mail::reply(535, {5, 7, 8}, "No"),
            unread);
      },
      [&](const smtp::Close& close) {
        flush();
        transaction_ended();
        log_.push_back("close " + std::to_string(static_cast<int>(close.why)));
        closed_ = true;
        abused_ = close.why == smtp::Close::Why::protocol_abuse;
      },
  };
  std::visit(handlers, event);
  return std::holds_alternative<smtp::NeedInput>(event);
}

void MemorySession::ask(const std::string& event, const mail::Reply& otherwise, bool unread) {
  const auto set = answers_.find(event);
  machine_.answer(set == answers_.end() ? otherwise : set->second, unread);
}

void MemorySession::begin_message(bool chunked, bool unread) {
  log_.emplace_back(chunked ? "begins by BDAT" : "begins");
  content_.clear();
  ask("DATA", mail::reply(354, {}, "Go"), unread);
}

void MemorySession::end_message() {
  const auto set = answers_.find("END");
  const bool taken = set == answers_.end() || set->second.positive();
  if (taken) delivered_.push_back(content_);
  log_.emplace_back("ends");
  ask("END", mail::reply(250, {2, 0, 0}, "Delivered"), false);
  transaction_ended();
}

void MemorySession::transaction_ended() {
  const smtp::Refusals refusals = machine_.take_refusals_of_transaction();
  noted_in_transactions_ += refusals.count();
  noted_.insert(noted_.end(), refusals.list().begin(), refusals.list().end());
}

std::vector<smtp::Refused> MemorySession::noted() const {
  auto all = noted_;
  const auto& outside = machine_.refusals().list();
  all.insert(all.end(), outside.begin(), outside.end());
  return all;
}

void MemorySession::flush() {
  largest_output_ = std::max(largest_output_, machine_.output().size());
  output_ += machine_.take_output();
}

mail::Reply MemorySession::judge_recipient(const mail::Path& recipient) const {
  if (recipient.domain.empty()) {
    if (iequals(recipient.local, "postmaster")) return mail::reply(250, {2, 1, 5}, "OK");
    return mail::reply(550, {5, 1, 3}, "A recipient needs a domain");
  }
  if (recipient.domain_ascii != "example.test")
    return mail::reply(550, {5, 7, 1}, "cannot relay for " + recipient.domain);
  if (recipient.local.contains('%'))
    return mail::reply(550, {5, 7, 1}, "forwarding percent hack is not permitted");
  if (recipient.local.contains('@')) return mail::reply(550, {5, 7, 1}, "cannot relay for it");
  const bool is_known = known.contains(recipient.key()) || iequals(recipient.local, "postmaster");
  return is_known ? mail::reply(250, {2, 1, 5}, "OK") : mail::reply(550, {5, 1, 1}, "No such mailbox");
}

}  // namespace sallyport::dialogue
