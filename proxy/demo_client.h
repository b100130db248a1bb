// The client of the demo: plays a session against the gateway, for all to see. One thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/io/stream.h"
#include "base/io/task.h"
#include "base/io/tls.h"
#include "base/ip_address.h"
#include "proxy/demo_sessions.h"
#include "proxy/demo_stage.h"

namespace sallyport::proxy {

constexpr Duration kDemoPatience = std::chrono::seconds(20);  // for each answer

class DemoClient {
 public:
  DemoClient(const DemoStage& stage, std::shared_ptr<const io::ClientTls> tls)
      : stage_(stage), tls_(std::move(tls)) {}

  // Plays one session; "" if every reply was the intended one, else what went wrong.
  io::Task<std::string> play(const DemoSession& session, Endpoint gateway);

 private:
  io::Task<std::string> name_client(const std::string& address);
  io::Task<std::string> take(const DemoStep& step);
  io::Task<std::string> start_tls();
  io::Task<std::string> expect(int code);
  void show(std::string_view reply);

  const DemoStage& stage_;
  std::shared_ptr<const io::ClientTls> tls_;
  std::string greeting_;  // the EHLO reply shown last
  std::unique_ptr<io::Stream> stream_;
  std::string received_;
};

}  // namespace sallyport::proxy
