// Whom our users write to is learnt from what was delivered for them.
#include "policy/correspondents.h"
#include "proxy/transaction.h"

namespace sallyport::proxy {

// Each recipient by its own treatment.
void Transaction::remember_correspondents() {
  const policy::SentMail sent{client_.facts, envelope_.sender, envelope_.recipients.size(),
                              headers_.automatic()};
  for (const RecipientRecord& record : records_) {
    if (!record.reply.positive()) continue;
    const policy::Settings& settings = *record.treatment->policy;
    if (policy::makes_correspondent(sent, record.path, settings))
      services_.senders.correspondents().learn(envelope_.sender, record.path,
                                               settings.sender_lists.correspondents);
  }
}

}  // namespace sallyport::proxy
