// The client of a session, as its transactions see it: fixed while one of them runs.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/io/stream.h"
#include "policy/recipient.h"
#include "proxy/inquiry.h"

namespace sallyport::proxy {

class ClientAccount;

struct ClientView {
  policy::ClientFacts facts;
  std::string session_id;
  std::string listener;
  Spared spared = Spared::nobody;
  std::string helo;
  bool extended = false;  // EHLO was used
  io::TlsInfo tls;
  std::shared_ptr<Inquiry> inquiry;  // null: nothing is asked about the client
  ClientAccount* account = nullptr;  // of the session, which outlives its transactions
  // Of upstream: begins an inquiry about a client that it took the message from. Else empty.
  std::function<std::shared_ptr<Inquiry>(const IpAddress& client)> begin_inquiry;
};

}  // namespace sallyport::proxy
