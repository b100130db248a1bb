// Whom our users write to, in the state store; policy/correspondents.h has the rule. Kinds:
// "correspondent", by an address of ours, and "correspondent-domain", by a domain of ours. Keys are
// digests: the state is nobody's address book.
//
// One for all cores: every function may be called from any thread, and none waits for the disk. What is
// not there, or not read yet after a start, is nobody's correspondent.
#pragma once

#include <optional>
#include <string>

#include "base/store/state_store.h"
#include "policy/correspondents.h"

namespace sallyport::proxy {

class Correspondents {
 public:
  enum class Of : std::uint8_t { nobody, domain, recipient };

  // `state` outlives it.
  explicit Correspondents(store::StateStore& state) : state_(state) {}

  // Whose correspondent `sender` is, where `recipient` is ours.
  Of look(const mail::Path& sender, const mail::Path& recipient,
          const policy::CorrespondentSettings& settings) const;
  void learn(const mail::Path& ours, const mail::Path& theirs,
             const policy::CorrespondentSettings& settings);

  // For people: `ours` is an address, or, without a local part, a domain.
  std::optional<WallTime> last_written(const mail::Path& ours, const mail::Path& theirs) const;
  std::optional<WallTime> last_written(const std::string& domain, const mail::Path& theirs) const;
  bool forget(const mail::Path& ours, const mail::Path& theirs);
  bool forget(const std::string& domain, const mail::Path& theirs);
  std::size_t count() const;  // pairs of an address of ours and a correspondent

 private:
  std::optional<WallTime> last(const char* kind, const std::string& key) const;
  void renew(const char* kind, const std::string& key, const policy::CorrespondentSettings& settings);
  bool forget(const char* kind, const std::string& key);

  store::StateStore& state_;
};

}  // namespace sallyport::proxy
