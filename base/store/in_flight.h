// The register of messages in flight: which ones a next hop may have while the log does not say so yet.
//
// An entry is made just before our final dot goes to a next hop, and cleared once the message's fate is on
// the log and its 250 known to have been read. What a killed process leaves in the register is found by the
// next start, and becomes the event that explains a second copy. Where the log's reader is slow, entries
// whose event may still be lost are left: what they explain is said twice rather than never.
//
// A file of fixed slots: the kernel keeps what was written though the process is killed. It is not mapped,
// for whoever cuts a mapped file ends the process; a message costs three writes, less than a microsecond.
// A power cut may tear slots; each has a checksum. Slots are spread
// over shards, a thread's own first, so that cores seldom meet. Bounded: a message that finds no free slot
// goes its way without an entry.
//
// A register that cannot be used is told to `on_trouble` and holds nothing: mail flows. The file is guarded
// by the lock of the state beside it. Thread rule: every function from every thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::store {

class InFlight {
 public:
  using OnTrouble = std::function<void(std::string_view what)>;

  static constexpr std::size_t kShards = 16;
  static constexpr std::size_t kSlots = 8192;

  // What an earlier process left.
  struct Left {
    std::string id;
    std::string sender;  // cut if it is very long
    std::string route;
    bool answered = false;  // the next hop had said 250
  };

  // A message's entry; cleared when it is destroyed. Belongs to one task at a time.
  class Entry {
   public:
    Entry() = default;
    Entry(Entry&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), slot_(std::exchange(other.slot_, 0)) {}
    Entry& operator=(Entry&& other) noexcept {
      std::swap(owner_, other.owner_);
      std::swap(slot_, other.slot_);
      return *this;
    }
    ~Entry() { clear(); }
    explicit operator bool() const { return owner_ != nullptr; }

    void answered();  // the next hop has said 250
    void clear();
    void leave() { owner_ = nullptr; }  // for the next start to find

   private:
    friend class InFlight;
    Entry(InFlight* owner, std::size_t slot) : owner_(owner), slot_(slot) {}
    InFlight* owner_ = nullptr;
    std::size_t slot_ = 0;
  };

  // "" as `file`: no register, by choice. A file that is none of ours is set aside as <file>.corrupt.
  static std::unique_ptr<InFlight> open(const std::string& file, const OnTrouble& on_trouble);
  InFlight();
  ~InFlight();
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  // What an earlier process left, each once and then cleared. Returns how many slots were torn. Before
  // the first enter().
  std::size_t take_left(const std::function<void(const Left&)>& on_left);

  Entry enter(std::string_view id, std::string_view sender, std::string_view route);

 private:
  struct Slot;
  struct File;
  struct Shard {
    std::mutex mutex;
    std::vector<std::size_t> free;  // the one used last is used next: few pages are touched
  };

  void release(std::size_t index);

  std::unique_ptr<File> file_;  // none: nothing is held
  std::array<Shard, kShards> shards_;
};

}  // namespace sallyport::store
