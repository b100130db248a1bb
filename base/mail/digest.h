// What a message is known by when it comes again: SHA-256 over its bytes without the fields that grow
// on the way (Received, Return-Path, Delivered-To, X-Received, Authentication-Results, Received-SPF,
// ARC-*). A DKIM-Signature counts: a sender that tries again sends the same one.
//
// A push parser, usable at any split; memory: one field name. Not usable from two threads at once.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace sallyport::mail {

struct FreeDigest {
  void operator()(evp_md_ctx_st* context) const;
};

class MessageDigest {
 public:
  MessageDigest();

  void feed(std::string_view content);
  std::string finish();  // 64 lower-case hexadecimal digits; once, and nothing is fed after it

 private:
  enum class State : unsigned char { line_start, kept_line, skipped_line, body };

  std::string_view line_start(std::string_view content);
  std::string_view rest_of_line(std::string_view content);
  bool judge_beginning();
  void hash(std::string_view octets);

  std::unique_ptr<evp_md_ctx_st, FreeDigest> context_;
  std::string beginning_;  // of a header line, until its field is known
  State state_ = State::line_start;
  bool skipping_ = false;  // the field that a folded line would continue
  bool first_ = true;      // the first line: if it is no field, the message has no header block
};

// Of a text that is there as a whole: 32 octets.
std::string sha256(std::string_view octets);

}  // namespace sallyport::mail
