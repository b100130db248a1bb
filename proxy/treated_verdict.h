// The verdict on a recipient by its treatment, where rules depend on what cannot be looked up now: never a
// refusal for good if another treatment, that might be the right one, would have spared the mail.
#pragma once

#include <functional>
#include <optional>

#include "base/io/task.h"
#include "policy/recipient.h"
#include "proxy/inquiry.h"
#include "proxy/sender_book.h"
#include "proxy/treatment.h"

namespace sallyport::proxy {

// As judge_recipient() (recipient_verdict.h), by the values of `treated`. What is named outlives the task.
io::Task<policy::RecipientVerdict> judge_treated(const policy::ClientFacts& client, Inquiry* inquiry,
                                                 const mail::Path& sender, const mail::Path& recipient,
                                                 const Treated& treated, SenderBook* book, WallTime now);

bool is_for_good(const policy::Refuse& refusal);

// Whether one that might be the right one would not refuse for good.
using Refuses = std::function<std::optional<policy::Refuse>(const Treatment&)>;
bool may_spare(const Otherwise& otherwise, const Refuses& refuses);

}  // namespace sallyport::proxy
