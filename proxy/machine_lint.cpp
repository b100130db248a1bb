#include "proxy/machine_lint.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/store/message_buffer.h"
#include "base/store/state_schema.h"

namespace sallyport::proxy {
namespace {

// Root is rarely who runs the gateway: a folder of somebody else's is then as it should be.
bool belongs_to_a_service(const std::string& directory) {
  struct stat status{};
  return geteuid() == 0 && lstat(directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         status.st_uid != 0;
}

void look_at_temp_directory(const Settings& settings, config::Diagnostics& diagnostics) {
  if (belongs_to_a_service(settings.temp_directory)) return;
  if (const auto result = usable(settings); !result)
    diagnostics.warning({}, result.error().detail, "`serve` will not start without it");
}

// Why no files can be made there; "" where they can.
std::string why_unwritable(const std::filesystem::path& folder) {
  if (access(folder.c_str(), W_OK | X_OK) == 0) return {};
  return fmt::format("{}: {}", folder.string(), std::strerror(errno));
}

constexpr const char* kForgets =
    "the state is then held in memory, and a restart forgets which recipients exist and what was delivered "
    "in part";

std::string owner_of(uid_t user) {
  const passwd* owner = ::getpwuid(user);
  return owner ? owner->pw_name : fmt::format("{}", user);
}

// Who may do all things sees by the owner what the service may not.
std::string why_not_ours(const std::string& path, uid_t service) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) return {};
  if (geteuid() == 0 && status.st_uid != service)
    return fmt::format("{} belongs to {}, and its folder to {}", path, owner_of(status.st_uid),
                       owner_of(service));
  if (access(path.c_str(), R_OK | W_OK) == 0) return {};
  return fmt::format("{}: {}", path, std::strerror(errno));
}

// The gateway runs without its memory, so none of this is a reason not to start. "": all is well.
std::string why_state_not_ours(const std::string& file, uid_t service) {
  for (const char* part : {"", "-wal", ".lock"})
    if (auto why = why_not_ours(file + part, service); !why.empty()) return why;
  return {};
}

void look_at_state_file(const std::string& file, config::Diagnostics& diagnostics) {
  const auto seen = store::look_at_state_file(file);
  if (seen || seen.error().code == Errc::not_found) return;
  const auto aside = fmt::format(
      "`serve` will set it aside as {}.corrupt-... and begin anew, and what it holds is forgotten: put the "
      "right file "
      "there, or name another one",
      std::filesystem::path(file).filename().string());
  diagnostics.warning({}, fmt::format("state.sqlite: {}: {}", file, seen.error().detail),
                      seen.error().code == Errc::invalid
                          ? aside
                          : fmt::format("name a file, or a place for a new one: {}", kForgets));
}

void look_at_state(const Settings& settings, config::Diagnostics& diagnostics) {
  const std::string& file = settings.state_file;
  if (file.empty()) return;
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  if (const auto why = why_unwritable(folder); !why.empty())
    return diagnostics.warning(
        {}, "state.sqlite: " + why,
        fmt::format("give the folder to the user that the gateway runs as: {}", kForgets));
  struct stat status{};
  if (stat(folder.c_str(), &status) != 0) return;
  if (const auto why = why_state_not_ours(file, status.st_uid); !why.empty())
    return diagnostics.warning(
        {}, "state.sqlite: " + why,
        fmt::format("give it to the user that the gateway runs as (chown): {}", kForgets));
  look_at_state_file(file, diagnostics);
}

// Nor is this. The gateway makes the folder, but not what it stands in; of the state's that is told
// already.
void look_at_events_folder(const Settings& settings, config::Diagnostics& diagnostics) {
  const std::filesystem::path folder = settings.events.directory;
  if (folder.empty()) return;
  std::error_code untold;
  const bool made = std::filesystem::exists(folder, untold);
  if (!made && folder.parent_path() == std::filesystem::path(settings.state_file).parent_path()) return;
  if (const auto why = why_unwritable(made ? folder : folder.parent_path()); !why.empty())
    diagnostics.warning(
        {}, "events.directory: " + why,
        "without it no event is kept, and `sallyport explain` and `log` find nothing: give the "
        "folder to the user that the gateway runs as");
}

}  // namespace

void look_at_machine(const Settings& settings, config::Diagnostics& diagnostics) {
  look_at_temp_directory(settings, diagnostics);
  look_at_state(settings, diagnostics);
  look_at_events_folder(settings, diagnostics);
}

Result<> usable(const Settings& settings) {
  const auto result = store::check_directory(settings.temp_directory);
  return result ? result : fail(result.error().code, "temp_directory: " + result.error().detail);
}

}  // namespace sallyport::proxy
