#include "base/mail/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "base/mail/codec.h"
#include "base/text.h"

namespace sallyport::mail {
namespace {

constexpr std::array<std::string_view, 6> trace_fields = {
    "Received", "Return-Path", "Delivered-To", "X-Received", "Authentication-Results", "Received-SPF"};
// Longer than any name above with a few blanks behind it: what has no colon by then is none of them.
constexpr std::size_t max_beginning = 64;

bool is_field_name(std::string_view beginning) {
  const std::string_view name = trim(beginning.substr(0, beginning.find(':')));
  return !name.empty() && name.find_first_of(" \t") == std::string_view::npos;
}

bool is_trace_field(std::string_view beginning) {
  const std::string_view name = trim(beginning.substr(0, beginning.find(':')));
  return istarts_with(name, "ARC-") ||
         std::ranges::any_of(trace_fields, [&](auto field) { return iequals(field, name); });
}

// Looked up once: OpenSSL would do so by name for each digest, which costs more than a short one itself.
const EVP_MD* algorithm() {
  static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return fetched ? fetched : EVP_sha256();
}

}  // namespace

void FreeDigest::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

MessageDigest::MessageDigest() : context_(EVP_MD_CTX_new()) {
  // OpenSSL's own allocations are all that can fail here.
  if (!context_ || EVP_DigestInit_ex2(context_.get(), algorithm(), nullptr) != 1) throw std::bad_alloc();
}

void MessageDigest::feed(std::string_view content) {
  while (!content.empty()) {
    if (state_ == State::body) return hash(content);
    content = state_ == State::line_start ? line_start(content) : rest_of_line(content);
  }
}

// Collects octets until it is known what the line is.
std::string_view MessageDigest::line_start(std::string_view content) {
  beginning_ += content.front();
  content.remove_prefix(1);
  if (!judge_beginning()) return content;
  if (state_ != State::skipped_line) hash(beginning_);
  beginning_.clear();
  return content;
}

bool MessageDigest::judge_beginning() {
  const char last = beginning_.back();
  if (beginning_ == "\n" || beginning_ == "\r\n") {
    state_ = State::body;
    return true;
  }
  const bool continues = beginning_.front() == ' ' || beginning_.front() == '\t';
  if (!continues && last != ':' && last != '\n' && beginning_.size() < max_beginning) return false;
  if (std::exchange(first_, false) && (continues || last != ':' || !is_field_name(beginning_))) {
    state_ = State::body;
    return true;
  }
  if (!continues) skipping_ = last == ':' && is_trace_field(beginning_);
  state_ = last == '\n' ? State::line_start : skipping_ ? State::skipped_line : State::kept_line;
  return true;
}

std::string_view MessageDigest::rest_of_line(std::string_view content) {
  const std::size_t lf = content.find('\n');
  const std::size_t size = lf == std::string_view::npos ? content.size() : lf + 1;
  if (state_ == State::kept_line) hash(content.substr(0, size));
  if (lf != std::string_view::npos) state_ = State::line_start;
  return content.substr(size);
}

void MessageDigest::hash(std::string_view octets) {
  EVP_DigestUpdate(context_.get(), octets.data(), octets.size());
}

std::string MessageDigest::finish() {
  hash(beginning_);
  std::array<unsigned char, 32> sum{};
  EVP_DigestFinal_ex(context_.get(), sum.data(), nullptr);
  return hex_encode({reinterpret_cast<const char*>(sum.data()), sum.size()});
}

std::string sha256(std::string_view octets) {
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeDigest> context(EVP_MD_CTX_new());
  std::string sum(32, '\0');
  if (!context || EVP_DigestInit_ex2(context.get(), algorithm(), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), octets.data(), octets.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(sum.data()), nullptr) != 1)
    throw std::bad_alloc();
  return sum;
}

}  // namespace sallyport::mail
