#include "tests/fuzz/session_client.h"

#include <algorithm>

namespace sallyport::fuzz {
namespace {

Errc end_of(char letter) {
  switch (letter) {
    case '<':
      return Errc::timeout;
    case '>':
      return Errc::reset;
    case '_':
      return Errc::stopped;
    default:
      return Errc::io;
  }
}

}  // namespace

ClientStream::ClientStream(std::string_view letters, std::shared_ptr<ClientRecord> record)
    : record_(std::move(record)) {
  Piece piece;
  for (const char octet : letters) {
    const Letter& letter = letter_of(octet, session_letters());
    piece.bytes += letter.text;
    if (letter.letter != ';' && letter.letter != '|' && end_of(letter.letter) == Errc::io) continue;
    const bool waits = letter.letter == ';';
    add(std::exchange(piece, {.bytes = {}, .waits = waits}));
    if (end_of(letter.letter) != Errc::io) add({.bytes = {}, .waits = true, .end = end_of(letter.letter)});
  }
  add(piece);
  add({.bytes = {}, .waits = true, .end = Errc::closed});
}

void ClientStream::add(Piece piece) {
  const bool ended =
      !pieces_.empty() && (pieces_.back().end == Errc::timeout || pieces_.back().end == Errc::reset);
  if (ended || (piece.bytes.empty() && piece.end == Errc::io)) return;
  record_->sent += piece.bytes;
  pieces_.push_back(std::move(piece));
}

io::Task<Result<std::string_view>> ClientStream::read(TimePoint, std::size_t at_most) {
  scratch_.assign(scratch_.size(), '?');
  scratch_ = {};
  if (broken_ || next_ == pieces_.size()) co_return fail(Errc::closed);
  Piece& piece = pieces_[next_];
  if (piece.end != Errc::io) {
    ++next_;
    broken_ = record_->reset = piece.end == Errc::reset;
    co_return fail(piece.end);
  }
  scratch_ = piece.bytes.substr(0, at_most);
  piece.bytes.erase(0, scratch_.size());
  piece.waits = false;
  if (piece.bytes.empty()) ++next_;
  co_return std::string_view(scratch_);
}

io::Presence ClientStream::poll(std::string& into, std::size_t cap) {
  while (cap > 0 && next_ < pieces_.size() && !pieces_[next_].waits && pieces_[next_].end == Errc::io) {
    Piece& piece = pieces_[next_];
    const std::string taken = piece.bytes.substr(0, cap);
    into += taken;
    cap -= taken.size();
    piece.bytes.erase(0, taken.size());
    if (piece.bytes.empty()) ++next_;
  }
  if (next_ == pieces_.size()) return io::Presence::closed;
  const Errc end = pieces_[next_].end;
  if (end == Errc::closed) return io::Presence::closed;
  return end == Errc::reset ? io::Presence::gone : io::Presence::here;
}

Result<> ClientStream::heard(const std::string& bytes) {
  if (broken_) return fail(Errc::reset);
  record_->heard += bytes;
  record_->longest_write = std::max(record_->longest_write, bytes.size());
  return {};
}

}  // namespace sallyport::fuzz
