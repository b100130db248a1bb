#include "dns/upstream.h"

#include <sys/random.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "dns/message.h"

namespace sallyport::dns {
namespace {

constexpr auto kPause = std::chrono::seconds(10);
constexpr auto kWithoutEdns = std::chrono::minutes(15);  // as unbound's infra-host-ttl has it

Answer answer_of(const Question& question, Status status, const std::string& message, Aliases& aliases) {
  if (status == Status::found)
    return read_answer(question, {reinterpret_cast<const std::uint8_t*>(message.data()), message.size()},
                       aliases);
  return answer_without_records(status, question.name);
}

}  // namespace

Result<std::shared_ptr<Upstream>> Upstream::open(const io::Executor& executor, const Clock& clock,
                                                 const std::vector<Endpoint>& servers, Duration timeout,
                                                 int tries, OnForged on_forged) {
  auto upstream = std::make_shared<Upstream>(executor, clock, timeout, tries, std::move(on_forged));
  for (const Endpoint& server : servers) {
    auto channel = Channel::open(executor, server, timeout);
    if (!channel) return std::move(channel.error());
    upstream->servers_.push_back({server, {std::move(*channel)}, nullptr, false, {}, TimePoint::min()});
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

void Upstream::ask(const std::shared_ptr<Flight>& flight) {
  flight->upstream_ = shared_from_this();
  flight->question = &flight->asked;
  begin(*flight);
}

void Upstream::begin(Flight& flight) {
  flight.past_.assign(servers_.size(), {});
  flight.tries_ = tries_;
  flight.last_.reset();
  try_next(flight);
}

void Upstream::try_next(Flight& flight) {
  flight.server_ = flight.tries_-- > 0 && !abandoned_ ? choose(flight.past_, clock_.now()) : nullptr;
  if (!flight.server_) return give_up(flight);
  flight.edns_failed_ = false;
  send(flight, clock_.now() >= flight.server_->edns_again);
}

void Upstream::send(Flight& flight, bool edns) {
  flight.edns_ = edns;
  flight.over_tcp_ = false;
  flight.forged = 0;
  flight.id = random_id();
  flight.query = query(*flight.question, flight.id, edns);
  channel_of(*flight.server_)->send(flight);
}

bool Upstream::turn_to_tcp(Flight& flight) {
  Server& server = *flight.server_;
  if (flight.forged >= Datagrams::kMostForged) on_forged_(server.endpoint);
  if (!server.stream)
    if (auto opened = Channel::open(executor_, server.endpoint, timeout_, Channel::By::tcp))
      server.stream = std::move(*opened);
  if (!server.stream) return false;
  flight.over_tcp_ = true;
  server.stream->send(flight);
  return true;
}

// A server that does not know EDNS says FORMERR to it, at best (RFC 6891 7): where a second question
// without it is answered, so are the next. Not for ever: it may be mended, and the FORMERR may have been
// a forwarder's behind it.
void Upstream::take_reply(Flight& flight, const Channel& over) {
  Server& server = *flight.server_;
  if (over.in_flight() == 0) give_back(server);
  if (abandoned_) return give_up(flight);
  if (flight.by_tcp && !flight.over_tcp_) {
    if (turn_to_tcp(flight)) return;
    flight.status = Status::timeout;
  }
  const bool answered = flight.status == Status::found;
  Answer answer = answer_of(*flight.question, flight.status, flight.answer, flight.aliases_);
  if (flight.edns_failed_ && !is_temporary(answer.status)) server.edns_again = clock_.now() + kWithoutEdns;
  if (answered && answer.status == Status::malformed && flight.edns_) {
    flight.edns_failed_ = true;
    return send(flight, false);
  }
  server.failing = !answered || answer.status == Status::refused;
  if (!is_temporary(answer.status)) return conclude(flight, std::move(answer));
  if (answer.status != Status::timeout) answer.server = server.endpoint;
  flight.past_[static_cast<std::size_t>(&server - servers_.data())].answered = answered;
  // What a server has said tells more than that another was silent.
  if (answered || !flight.last_ || flight.last_->status == Status::timeout)
    flight.last_ = std::move(answer);
  try_next(flight);
}

void Upstream::give_up(Flight& flight) {
  if (!flight.last_) flight.last_ = answer_without_records(Status::timeout, flight.question->name);
  conclude(flight, std::move(*flight.last_));
}

void Upstream::conclude(Flight& flight, Answer answer) {
  if (flight.alias_) {
    if (flight.aliases_.followed > kMaxCnames)
      return flight.landed(answer_without_records(Status::serv_fail, flight.asked.name));
    answer.ttl = std::min(answer.ttl, flight.alias_->ttl);
    answer.authentic = answer.authentic && flight.alias_->authentic;
  }
  if (!flight.aliases_.open || is_temporary(answer.status)) return flight.landed(std::move(answer));
  flight.target_ = {answer.owner, flight.asked.type};  // one alias more each time, at least
  flight.question = &flight.target_;
  flight.alias_ = std::move(answer);
  begin(flight);
}

void Upstream::abandon() {
  abandoned_ = true;
  for (const Server& server : servers_) {
    for (const auto& channel : server.channels) channel->abandon();
    if (server.stream) server.stream->abandon();
  }
}

}  // namespace sallyport::dns
