#include "dns/upstream.h"

#include <sys/random.h>

#include <algorithm>
#include <span>
#include <tuple>
#include <utility>

#include "dns/message.h"

namespace sallyport::dns {
namespace {

constexpr auto kPause = std::chrono::seconds(10);

Answer answer_of(const Question& question, const Reply& reply, Aliases& aliases) {
  if (reply.status == Status::found)
    return read_answer(question,
                       {reinterpret_cast<const std::uint8_t*>(reply.message.data()), reply.message.size()},
                       aliases);
  return answer_without_records(reply.status, question.name);
}

}  // namespace

Result<std::shared_ptr<Upstream>> Upstream::open(const io::Executor& executor,
                                                 const std::vector<Endpoint>& servers, Duration timeout,
                                                 int tries, OnForged on_forged) {
  auto upstream = std::make_shared<Upstream>(executor, timeout, tries, std::move(on_forged));
  for (const Endpoint& server : servers) {
    auto channel = Channel::open(executor, server, timeout);
    if (!channel) return std::move(channel.error());
    upstream->servers_.push_back({server, {std::move(*channel)}, false, true, {}});
  }
  return upstream;
}

// The first that has room: the others come to rest.
std::shared_ptr<Channel> Upstream::channel_of(Server& server) {
  auto& channels = server.channels;
  const auto room =
      std::ranges::find_if(channels, [](const auto& one) { return one->in_flight() < kAtOnce; });
  if (room != channels.end()) return *room;
  if (channels.size() < kMostChannels)
    if (auto more = Channel::open(executor_, server.endpoint, timeout_))
      return channels.emplace_back(std::move(*more));
  return *std::ranges::min_element(channels, {}, [](const auto& one) { return one->in_flight(); });
}

void Upstream::give_back(Server& server) {
  std::size_t idle = 0;
  std::erase_if(server.channels,
                [&](const auto& channel) { return channel->in_flight() == 0 && ++idle > kIdleChannels; });
}

std::size_t Upstream::channels() const {
  std::size_t count = 0;
  for (const Server& server : servers_) count += server.channels.size();
  return count;
}

// Drawn 128 at a time: 256 octets, which getrandom(2) never cuts short.
std::uint16_t Upstream::random_id() {
  if (ids_left_ == 0) {
    while (getrandom(ids_.data(), sizeof ids_, 0) != sizeof ids_) {
    }
    ids_left_ = ids_.size();
  }
  return ids_.at(--ids_left_);
}

// The least tried, of these the well ones first, in the order of the settings.
Upstream::Server* Upstream::choose(std::vector<Past>& past, TimePoint now) {
  std::size_t best = servers_.size();
  const auto rank = [&](std::size_t place) {
    const Server& server = servers_[place];
    return std::tuple(past[place].tries, server.failing && now < server.again);
  };
  for (std::size_t place = 0; place < servers_.size(); ++place)
    if (!past[place].answered && (best == servers_.size() || rank(place) < rank(best))) best = place;
  if (best == servers_.size()) return nullptr;
  ++past[best].tries;
  servers_[best].again = now + kPause;  // meanwhile the others' questions pass over it, if it is failing
  return &servers_[best];
}

// One try. A server that does not know EDNS says FORMERR to it, at best (RFC 6891 7): where a second
// question without it is answered, so are all the next.
io::Task<Answer> Upstream::ask(Server& server, Question question, Aliases& aliases, bool& answered) {
  for (bool edns = server.edns;; edns = false) {
    const auto channel = channel_of(server);
    const Reply reply = co_await channel->send({question, random_id(), edns});
    if (channel->in_flight() == 0) give_back(server);
    if (reply.forged) on_forged_(question, server.endpoint);
    answered = reply.status == Status::found;
    Answer answer = answer_of(question, reply, aliases);
    const bool misunderstood = answered && answer.status == Status::malformed;
    if (!is_temporary(answer.status)) server.edns = edns;
    if (!misunderstood || !edns || abandoned_) co_return answer;
  }
}

io::Task<Answer> Upstream::ask(Question question, const Clock& clock) {
  Aliases aliases;
  Answer answer = co_await ask_servers(question, clock, aliases);
  while (aliases.open) {  // each time one alias more, at least
    Answer rest = co_await ask_servers({answer.owner, question.type}, clock, aliases);
    if (aliases.followed > kMaxCnames) co_return answer_without_records(Status::serv_fail, question.name);
    rest.ttl = std::min(rest.ttl, answer.ttl);
    rest.authentic = rest.authentic && answer.authentic;
    answer = std::move(rest);
    if (is_temporary(answer.status)) break;
  }
  co_return answer;
}

io::Task<Answer> Upstream::ask_servers(Question question, const Clock& clock, Aliases& aliases) {
  std::vector<Past> past(servers_.size());
  Answer last = answer_without_records(Status::timeout, question.name);
  for (int tried = 0; tried < tries_ && !abandoned_; ++tried) {
    Server* server = choose(past, clock.now());
    if (!server) break;
    bool answered = false;
    Answer answer = co_await ask(*server, question, aliases, answered);
    if (abandoned_) break;
    server->failing = !answered || answer.status == Status::refused;
    if (!is_temporary(answer.status)) co_return answer;
    past[static_cast<std::size_t>(server - servers_.data())].answered = answered;
    // What a server has said tells more than that another was silent.
    if (answered || last.status == Status::timeout) last = std::move(answer);
  }
  co_return last;
}

void Upstream::abandon() {
  abandoned_ = true;
  for (const Server& server : servers_)
    for (const auto& channel : server.channels) channel->abandon();
}

}  // namespace sallyport::dns
