#include "dns/zone_resolver.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

#include "dns/message.h"
#include "dns/zone_file.h"

namespace sallyport::dns {
namespace {

constexpr std::size_t kMaxAsked = 10'000;
constexpr auto kNegativeTtl = std::chrono::hours(1);

struct RecordSet {
  std::vector<Record> records;
  std::chrono::seconds ttl = std::chrono::hours(24);
};

struct Node {
  std::map<Type, RecordSet> sets;
  std::map<Type, Status> failures;
  std::optional<Status> failure;

  std::optional<Status> failure_of(Type type) const {
    const auto found = failures.find(type);
    return found == failures.end() ? failure : found->second;
  }
};

}  // namespace

struct ZoneResolver::Data {
  std::unordered_map<Name, Node> nodes;
  std::set<Name> exist;  // those with nodes, and all names above them
  mutable std::mutex mutex;
  std::vector<Question> asked;

  Node& node(const Name& owner) {
    for (Name name = owner; !name.is_root() && exist.insert(name).second;) name = name.parent();
    return nodes[owner];
  }

  // The node that speaks for `name`: its own, or the wildcard below the closest name that exists.
  const Node* find(const Name& name) const {
    if (const auto own = nodes.find(name); own != nodes.end()) return &own->second;
    if (exist.contains(name)) return nullptr;
    Name encloser = name.parent();
    while (!encloser.is_root() && !exist.contains(encloser)) encloser = encloser.parent();
    const auto wildcard = Name::parse("*")->below(encloser);
    const auto found = wildcard ? nodes.find(*wildcard) : nodes.end();
    return found == nodes.end() ? nullptr : &found->second;
  }

  bool exists(const Name& name) const { return exist.contains(name) || find(name); }

  // One step: an answer, or where a CNAME leads.
  std::optional<Name> step(const Question& question, Answer& answer) const {
    const Node* node = find(question.name);
    const auto failure = node ? node->failure_of(question.type) : std::nullopt;
    if (failure) {
      answer.status = *failure;
      return std::nullopt;
    }
    if (node) {
      if (const auto set = node->sets.find(question.type); set != node->sets.end()) {
        answer.status = Status::found;
        answer.records = set->second.records;
        answer.ttl = std::min(answer.ttl, set->second.ttl);
        return std::nullopt;
      }
      if (const auto alias = node->sets.find(Type::cname); alias != node->sets.end()) {
        answer.ttl = std::min(answer.ttl, alias->second.ttl);
        return std::get<Name>(alias->second.records.front());
      }
    }
    answer.status = exists(question.name) ? Status::no_data : Status::nx_domain;
    answer.ttl = std::min<std::chrono::seconds>(answer.ttl, kNegativeTtl);
    return std::nullopt;
  }
};

ZoneResolver::ZoneResolver() : data_(std::make_unique<Data>()) {}
ZoneResolver::~ZoneResolver() = default;
ZoneResolver::ZoneResolver(ZoneResolver&&) noexcept = default;
ZoneResolver& ZoneResolver::operator=(ZoneResolver&&) noexcept = default;

ZoneResolver ZoneResolver::parse(std::string_view text, std::vector<Fault>& faults) {
  ZoneResolver zone;
  for (ZoneEntry& entry : read_zone(text, faults)) {
    if (entry.failure)
      zone.fail(entry.owner, entry.type, *entry.failure);
    else
      zone.add(entry.owner, *entry.type, std::move(entry.record), entry.ttl);
  }
  return zone;
}

void ZoneResolver::add(const Name& owner, Type type, Record record, std::chrono::seconds ttl) {
  RecordSet& set = data_->node(owner).sets[type];
  set.records.push_back(std::move(record));
  set.ttl = std::min(set.ttl, ttl);
}

void ZoneResolver::fail(const Name& owner, std::optional<Type> type, Status status) {
  Node& node = data_->node(owner);
  if (type)
    node.failures[*type] = status;
  else
    node.failure = status;
}

io::Task<AnswerPtr> ZoneResolver::ask(Question question, Asking) { co_return answer(question); }

AnswerPtr ZoneResolver::answer(const Question& question) {
  {
    const std::lock_guard lock(data_->mutex);
    if (data_->asked.size() < kMaxAsked) data_->asked.push_back(question);
  }
  auto answer = std::make_shared<Answer>();
  answer->ttl = std::chrono::hours(24);
  Question now = question;
  for (int aliases = 0; aliases <= kMaxCnames; ++aliases) {
    auto target = data_->step(now, *answer);
    if (!target) {
      answer->owner = now.name;
      return answer;
    }
    now.name = std::move(*target);
  }
  answer->status = Status::serv_fail;
  answer->owner = now.name;
  return answer;
}

std::vector<Question> ZoneResolver::asked() const {
  const std::lock_guard lock(data_->mutex);
  return data_->asked;
}

}  // namespace sallyport::dns
