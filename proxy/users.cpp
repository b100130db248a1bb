#include "proxy/users.h"

#include <crypt.h>
#include <string.h>

#include <memory>

#include "base/config/document.h"
#include "base/mail/replies.h"
#include "base/text.h"
#include "proxy/users_file.h"

namespace sallyport::proxy {
namespace {

enum class Verdict { unavailable, wrong, right };

struct Account {
  bool known = false;
  std::string hash;  // of an unknown user: the first in the file, so that the time taken does not tell
};

Result<Account> find_account(const std::string& file, const std::string& user) {
  config::Diagnostics untold;
  const auto text = config::read_file(file, {}, untold);
  if (!text) return fail(Errc::not_found, "cannot read " + file);
  Account account;
  UserReader users(*text);
  for (UserLine line; !account.known && users.next_usable(line);) {
    account.known = iequals(line.name, user);
    if (account.known || account.hash.empty()) account.hash = line.hash;
  }
  return account;
}

bool same(const std::string& a, const std::string& b) {
  unsigned char difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
    difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

Verdict verify(const std::string& file, const std::string& user, const std::string& password) {
  auto account = find_account(file, user);
  if (!account) return Verdict::unavailable;
  auto data = std::make_unique<crypt_data>();
  const char* result = crypt_r(password.c_str(), account->hash.c_str(), data.get());
  bool right = result && account->known && !password.contains('\0') && same(result, account->hash);
  explicit_bzero(data.get(), sizeof *data);
  return right ? Verdict::right : Verdict::wrong;
}

// What one login needs, in one place: the task and the pool share it, whichever ends first.
struct Login {
  std::string file, user, password;
  Verdict verdict = Verdict::unavailable;
  ~Login() { explicit_bzero(password.data(), password.size()); }
};

}  // namespace

io::Task<mail::Reply> check_password(std::string file, std::string user, std::string password,
                                     io::WorkerPool& passwords) {
  auto login = std::make_shared<Login>();
  login->file = std::move(file);
  login->user = std::move(user);
  login->password.swap(password);
  auto done = co_await passwords.run([login] {
    login->verdict = verify(login->file, login->user, login->password);
    return Result<>{};
  });
  if (!done || login->verdict == Verdict::unavailable)
    co_return mail::reply(mail::Refusal::authentication_unavailable);
  if (login->verdict == Verdict::wrong) co_return mail::reply(mail::Refusal::wrong_password);
  co_return mail::reply(mail::Answer::authenticated);
}

}  // namespace sallyport::proxy
