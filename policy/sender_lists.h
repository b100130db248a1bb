// Allow and block lists of senders: how an entry is found among a million.
//
// An entry has one name, its pattern and its recipient; a look-up builds the few names that could mean this
// sender and this recipient, and asks for each. Pure; a list is immutable once parsed, for every thread.
#pragma once

#include <bitset>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ip_address.h"
#include "base/mail/address.h"
#include "policy/checks.h"
#include "policy/correspondents.h"
#include "policy/list_file.h"
#include "policy/sender_entry.h"

namespace sallyport::policy {

// What kinds of entries a list has at all: what it has none of is not looked up, or waited for.
struct SenderListShape {
  std::bitset<129> prefixes;  // of networks, within 128 bits
  bool reverse_names = false;
  bool senders = false;
  bool recipients = false;     // entries for somebody
  bool authenticated = false;  // entries that say so

  void add(const SenderEntry& entry);
  void add(const SenderListShape& other);
  bool any() const { return prefixes.any() || reverse_names || senders; }
};

class SenderList {
 public:
  // Lines as sender_entry.h describes them. Of several lines with one name the last counts,
  // unless another holds for longer.
  static SenderList parse(std::string_view text, std::string file, std::vector<ListFault>& faults);

  struct Found {
    SenderEntry entry;
    int line = 0;
    int column = 0;
    std::string_view written{};  // while the list lives

    // Of the word that begins with `option`.
    int column_of(std::string_view option) const;
  };
  // By SenderEntry::name(). Expired entries are found, too.
  std::optional<Found> find(std::string_view name) const;
  // In the order of the file, until it says false.
  void each(const std::function<bool(const Found&)>& visit) const;

  // Entries in whose place another line counts, and which.
  void each_repeated(const std::function<void(const Found&, int)>& visit) const;

  const SenderListShape& shape() const { return shape_; }
  const std::string& file() const { return file_; }
  std::size_t size() const { return lines_.size(); }

 private:
  struct Line {
    int number = 0;
    std::uint32_t length = 0;
    std::size_t begin = 0;  // in text_
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  Found read(const Line& line) const;

  std::string file_;
  std::string text_;  // entries that say more than their name are read from it when they are found
  std::unordered_map<std::string, Line, Hash, std::equal_to<>> lines_;
  SenderListShape shape_;
};

// Files are null where none is named.
struct SenderLists {
  std::shared_ptr<const SenderList> allow;
  std::shared_ptr<const SenderList> block;
  Mode allow_mode = Mode::enforce;
  Mode block_mode = Mode::enforce;
  std::string block_reply = "Mail from this sender is blocked here";
  bool block_reply_id = true;
  CorrespondentSettings correspondents;
  // Whatever rule names them, each once: to be shown.
  std::vector<std::shared_ptr<const SenderList>> allow_files, block_files;
};

// The patterns that mean a sender, a client or a reverse name; the most special one first.
std::vector<std::string> sender_patterns(const mail::Path& sender);  // of <>: none
std::vector<std::string> network_patterns(const IpAddress& client, const SenderListShape& shape);
// Of "": none. What DNS has under a name need be no host name ("-a.example.com", "a/b.example.com"), and is
// below example.com all the same.
std::vector<std::string> reverse_name_patterns(std::string_view name);
// Of entries that mean all that `entry` means, and itself.
std::vector<std::string> names_covering(const SenderEntry& entry, const SenderListShape& shape);
// Those patterns for this recipient: for itself, for its `mailbox` (mailbox_behind_detail(), or ""), its
// domain, everybody.
std::vector<std::string> entry_names(const std::vector<std::string>& patterns, const mail::Path& recipient,
                                     const SenderListShape& shape, std::string_view mailbox = {});

}  // namespace sallyport::policy
