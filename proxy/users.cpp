#include "proxy/users.h"

#include <crypt.h>
#include <string.h>

#include <fstream>
#include <memory>

#include "base/text.h"

namespace sallyport::proxy {
namespace {

// Hashed against when the name is unknown, so that the time taken does not tell. No password has it.
constexpr const char* kNobody = "$6$sallyport$";

enum class Verdict { unavailable, wrong, right };

Result<std::string> find_hash(const std::string& file, const std::string& user) {
  std::ifstream in(file);
  if (!in) return fail(Errc::not_found, "cannot read " + file);
  for (std::string line; std::getline(in, line);) {
    std::size_t colon = line.find(':');
    if (line.starts_with('#') || colon == std::string::npos) continue;
    if (iequals(trim(line.substr(0, colon)), user)) return std::string(trim(line.substr(colon + 1)));
  }
  return std::string();
}

bool same(const std::string& a, const std::string& b) {
  unsigned char difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
    difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

Verdict verify(const std::string& file, const std::string& user, const std::string& password) {
  auto hash = find_hash(file, user);
  if (!hash) return Verdict::unavailable;
  auto data = std::make_unique<crypt_data>();
  const char* result = crypt_r(password.c_str(), hash->empty() ? kNobody : hash->c_str(), data.get());
  bool right = result && !hash->empty() && !password.contains('\0') && same(result, *hash);
  explicit_bzero(data.get(), sizeof *data);
  return right ? Verdict::right : Verdict::wrong;
}

}  // namespace

io::Task<mail::Reply> check_password(std::string file, std::string user, std::string password,
                                     io::WorkerPool& passwords) {
  auto verdict = std::make_shared<Verdict>(Verdict::unavailable);
  auto done = co_await passwords.run([=]() mutable -> Result<> {
    *verdict = verify(file, user, password);
    explicit_bzero(password.data(), password.size());
    return Result<>{};
  });
  explicit_bzero(password.data(), password.size());
  if (!done || *verdict == Verdict::unavailable)
    co_return mail::Reply{454, {4, 7, 0}, "Authentication is not available now"};
  if (*verdict == Verdict::wrong) co_return mail::Reply{535, {5, 7, 8}, "Wrong user name or password"};
  co_return mail::Reply{235, {2, 7, 0}, "Authenticated"};
}

}  // namespace sallyport::proxy
