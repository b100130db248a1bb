#include "base/store/in_flight.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <optional>

#include "base/io/descriptor.h"
#include "base/result.h"
#include "base/store/file_error.h"

namespace sallyport::store {
namespace {

constexpr std::size_t kHeader = 4096;  // a page of its own, so that slots lie well
constexpr std::size_t kSlotSize = 256;
constexpr std::size_t kFileSize = kHeader + InFlight::kSlots * kSlotSize;
constexpr std::size_t kPerShard = InFlight::kSlots / InFlight::kShards;

constexpr std::size_t kMaxId = 40;
constexpr std::size_t kMaxRoute = 60;

struct Head {
  char magic[8] = {'S', 'A', 'L', 'P', 'F', 'L', 'I', 'T'};
  std::uint32_t version = 1;
  std::uint32_t slots = InFlight::kSlots;
  bool operator==(const Head&) const = default;
};

enum State : std::uint32_t { kFree = 0, kSent = 0x544e4553, kAnswered = 0x44524e41 };

}  // namespace

// All else is only looked at while the state is set.
struct InFlight::Slot {
  std::uint32_t state = kFree;
  std::uint32_t checksum = 0;
  std::array<std::uint8_t, 3> lengths{};  // of id, sender, route, which follow one another
  std::array<char, kSlotSize - 11> text;

  void fill(std::string_view id, std::string_view sender, std::string_view route) {
    char* end = text.data();
    const std::array parts{id, sender, route};
    for (std::size_t i = 0; i < parts.size(); ++i) {
      lengths[i] = static_cast<std::uint8_t>(parts[i].size());
      end = std::ranges::copy(parts[i], end).out;
    }
    checksum = sum();
    state = kSent;
  }

  std::size_t used() const { return std::size_t{lengths[0]} + lengths[1] + lengths[2]; }
  std::string_view octets() const {
    return {reinterpret_cast<const char*>(this), offsetof(Slot, text) + used()};
  }

  // FNV-1a over lengths and text.
  std::uint32_t sum() const {
    std::uint32_t sum = 0x811c9dc5;
    const auto add = [&sum](unsigned char octet) { sum = (sum ^ octet) * 0x01000193; };
    for (const auto length : lengths) add(length);
    for (const char c : std::string_view(text.data(), used())) add(static_cast<unsigned char>(c));
    return sum;
  }

  std::optional<Left> read() const {
    const bool known = state == kSent || state == kAnswered;
    if (!known || used() > text.size() || checksum != sum()) return std::nullopt;
    const std::string_view all(text.data(), used());
    const std::size_t route = std::size_t{lengths[0]} + lengths[1];
    return Left{.id = std::string(all.substr(0, lengths[0])),
                .sender = std::string(all.substr(lengths[0], lengths[1])),
                .route = std::string(all.substr(route)),
                .answered = state == kAnswered};
  }
};

struct InFlight::File {
  explicit File(io::Descriptor file) : descriptor(std::move(file)) {}

  static Result<std::unique_ptr<File>> open(const std::string& path, const OnTrouble& on_trouble);
  bool read(std::size_t index, Slot& slot) const;
  bool write(std::size_t index, std::string_view octets) const;
  bool set(std::size_t index, State state) const;

  io::Descriptor descriptor;
};

namespace {

off_t place_of(std::size_t index) { return static_cast<off_t>(kHeader + index * kSlotSize); }

Result<io::Descriptor> open_regular(const std::string& path) {
  constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  io::Descriptor descriptor(::open(path.c_str(), kFlags, 0600));
  struct stat status{};
  if (!descriptor || ::fstat(descriptor.get(), &status) != 0) return file_error(path, errno);
  if (!S_ISREG(status.st_mode)) return fail(Errc::invalid, path + ": not a regular file");
  return descriptor;
}

bool is_empty(const io::Descriptor& descriptor) {
  struct stat status{};
  return ::fstat(descriptor.get(), &status) == 0 && status.st_size == 0;
}

// Ours, of this version, and whole.
bool is_register(const io::Descriptor& descriptor) {
  struct stat status{};
  Head head{};
  return ::fstat(descriptor.get(), &status) == 0 && status.st_size == kFileSize &&
         ::pread(descriptor.get(), &head, sizeof head, 0) == sizeof head && head == Head{};
}

// Every block is the file's own from now on: a full disk refuses no entry.
Result<> lay_out(const std::string& path, const io::Descriptor& descriptor) {
  if (const int error = ::posix_fallocate(descriptor.get(), 0, kFileSize); error != 0) {
    (void)::ftruncate(descriptor.get(), 0);
    return file_error(path, error);
  }
  const Head head;
  if (::pwrite(descriptor.get(), &head, sizeof head, 0) != sizeof head) return file_error(path, errno);
  return {};
}

}  // namespace

Result<std::unique_ptr<InFlight::File>> InFlight::File::open(const std::string& path,
                                                             const OnTrouble& on_trouble) {
  auto descriptor = open_regular(path);
  if (!descriptor) return descriptor.error();
  if (!is_empty(*descriptor) && !is_register(*descriptor)) {
    const std::string aside = path + ".corrupt";
    if (std::rename(path.c_str(), aside.c_str()) != 0) return file_error(path, errno);
    on_trouble(fmt::format("{}: not a register of messages in flight, or of another version; it is now {}",
                           path, aside));
    descriptor = open_regular(path);
    if (!descriptor) return descriptor.error();
  }
  if (auto laid_out = lay_out(path, *descriptor); !laid_out) return laid_out.error();
  return std::make_unique<File>(std::move(*descriptor));
}

bool InFlight::File::read(std::size_t index, Slot& slot) const {
  return ::pread(descriptor.get(), &slot, sizeof slot, place_of(index)) == sizeof slot;
}

bool InFlight::File::write(std::size_t index, std::string_view octets) const {
  const ssize_t written = ::pwrite(descriptor.get(), octets.data(), octets.size(), place_of(index));
  return written == static_cast<ssize_t>(octets.size());
}

bool InFlight::File::set(std::size_t index, State state) const {
  return write(index, {reinterpret_cast<const char*>(&state), sizeof state});
}

InFlight::InFlight() = default;
InFlight::~InFlight() = default;

std::unique_ptr<InFlight> InFlight::open(const std::string& file, const OnTrouble& on_trouble) {
  static_assert(sizeof(Slot) == kSlotSize);
  auto in_flight = std::make_unique<InFlight>();
  if (file.empty()) return in_flight;
  auto opened = File::open(file, on_trouble);
  if (!opened) {
    on_trouble(fmt::format("messages in flight are not on record: {}", opened.error().detail));
    return in_flight;
  }
  in_flight->file_ = std::move(*opened);
  for (std::size_t index = kSlots; index-- > 0;)
    in_flight->shards_[index / kPerShard].free.push_back(index);
  return in_flight;
}

std::size_t InFlight::take_left(const std::function<void(const Left&)>& on_left) {
  std::size_t torn = 0;
  for (std::size_t index = 0; file_ && index < kSlots; ++index) {
    Slot slot;
    if (!file_->read(index, slot) || slot.state == kFree) continue;
    if (const auto left = slot.read()) {
      on_left(*left);
    } else {
      ++torn;
    }
    (void)file_->set(index, kFree);
  }
  return torn;
}

InFlight::Entry InFlight::enter(std::string_view id, std::string_view sender, std::string_view route) {
  static std::atomic<std::size_t> next_thread{0};
  thread_local const std::size_t home = next_thread++;
  for (std::size_t i = 0; file_ && i < kShards; ++i) {
    Shard& shard = shards_[(home + i) % kShards];
    const std::lock_guard lock(shard.mutex);
    if (shard.free.empty()) continue;
    const std::size_t index = shard.free.back();
    Slot slot;
    const auto id_part = id.substr(0, kMaxId);
    const auto route_part = route.substr(0, kMaxRoute);
    const auto room = slot.text.size() - id_part.size() - route_part.size();
    slot.fill(id_part, sender.substr(0, room), route_part);
    if (!file_->write(index, slot.octets())) return {};
    shard.free.pop_back();
    return {this, index};
  }
  return {};
}

void InFlight::release(std::size_t index) {
  (void)file_->set(index, kFree);
  Shard& shard = shards_[index / kPerShard];
  const std::lock_guard lock(shard.mutex);
  shard.free.push_back(index);  // has room: it once held them all
}

void InFlight::Entry::answered() {
  if (owner_) (void)owner_->file_->set(slot_, kAnswered);
}

void InFlight::Entry::clear() {
  if (auto* owner = std::exchange(owner_, nullptr)) owner->release(slot_);
}

}  // namespace sallyport::store
