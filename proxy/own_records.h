// Our own names, and what the DNS has of them: all of it asked by a deadline, in two rounds, the second for
// what the first named. Over a dns::Resolver, one core; what is named outlives it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/io/task.h"
#include "base/ip_address.h"
#include "dns/answer.h"
#include "dns/name.h"
#include "dns/question.h"
#include "dns/resolver.h"
#include "dns/spf.h"

namespace sallyport::proxy {

struct OwnNames {
  dns::Name hostname;
  std::vector<dns::Name> domains;
  std::size_t left_out = 0;       // domains beyond those
  std::vector<Network> leads_in;  // where mail for us may go first: our addresses, and who stands in front
  // Our own mail on its way out, if "outbound" takes any: from these, or through hosts of these names.
  bool sends = false;
  std::vector<IpAddress> sends_from;  // beside the addresses of the host name
  std::vector<dns::Name> sends_through;
};

class OwnRecords {
 public:
  OwnRecords(const OwnNames& names, dns::Resolver& resolver, const Clock& clock, TimePoint deadline)
      : names_(names), resolver_(resolver), clock_(clock), asking_{deadline, false} {}

  io::Task<> ask();

  // Of what was asked.
  const dns::Answer& answer(const dns::Name& name, dns::Type type) const {
    return *answers_.at({name, type});
  }
  bool is_unanswered(const dns::Name& name, dns::Type type) const {
    return is_temporary(answer(name, type).status);
  }
  std::vector<IpAddress> addresses_of(const dns::Name& host) const;
  const std::vector<IpAddress>& ours() const { return ours_; }  // those of the host name
  // Who takes the domain's mail, the most wanted first; the root: nobody. Without MX it is the domain's
  // own address (RFC 5321 5.1). Empty: that is not known.
  std::vector<dns::Name> hosts_of(const dns::Name& domain) const;

  // Where our mail may come from, as others see it, and what a stranger's server makes of each.
  std::vector<IpAddress> ways_out() const;
  std::vector<dns::SpfResult> spf_of(const dns::Name& domain) const;

  // " (unreachable: 127.0.0.1:53)": the first failure that has a server's name; "" if none has.
  std::string why() const;

 private:
  std::vector<dns::Question> first_questions() const;
  std::vector<dns::Question> second_questions() const;
  io::Task<> ask(std::vector<dns::Question> questions);
  io::Task<> ask_spf();

  const OwnNames& names_;
  dns::Resolver& resolver_;
  const Clock& clock_;
  dns::Asking asking_;
  std::map<dns::Question, dns::AnswerPtr> answers_;
  std::map<dns::Name, std::vector<dns::SpfResult>> spf_results_;  // of each way out
  std::vector<IpAddress> ours_;
};

}  // namespace sallyport::proxy
