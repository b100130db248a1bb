// From what the DNS said to the facts that are judged: one word for each result, wherever it is shown.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "base/mail/evidence.h"
#include "dns/helo.h"
#include "dns/list.h"
#include "dns/reverse.h"
#include "dns/sender_domain.h"
#include "dns/spf.h"
#include "policy/checks.h"

namespace sallyport::proxy {

mail::Finding finding(dns::ReverseName::Result result);
mail::Finding finding(dns::HeloName::Result result);
mail::Finding finding(dns::SenderDomain::Result result);
mail::Finding finding(dns::ListAnswer::Result result);
mail::Finding finding(dns::SpfResult result);

mail::Fact fact_of(const dns::ReverseName& found, const IpAddress& client);
mail::Fact fact_of(const dns::HeloName& found, const std::string& helo);
mail::Fact fact_of(const dns::SenderDomain& found, const dns::Name& domain);
// Of a secret list neither its words nor what was asked: both name the zone, which holds the key.
mail::Fact fact_of(const dns::ListAnswer& found, const mail::FactKey& key, const policy::ListSettings& list,
                   const dns::Subject& subject);
mail::Fact fact_of(const dns::SpfOutcome& found, mail::Check check);

// What needs no question, or may ask none.
mail::Fact without_look_up(const mail::FactKey& key, mail::Finding finding, std::string subject,
                           std::string detail = {});

// What is known of a check that came to no result of its own.
mail::Fact unknown(const mail::FactKey& key);

}  // namespace sallyport::proxy
