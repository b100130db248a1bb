// What the two fake streams of a session share: a Stream without a socket, which never waits.
#pragma once

#include <string>

#include "base/io/stream.h"
#include "base/io/tls.h"
#include "tests/fuzz/promise.h"

namespace sallyport::fuzz {

class MemoryStream : public io::Stream {
 public:
  io::Task<Result<>> write(std::string_view bytes, TimePoint deadline) override {
    const std::string_view parts[] = {bytes};
    co_return co_await write(parts, deadline);
  }
  io::Task<Result<>> write(std::span<const std::string_view> parts, TimePoint) override {
    std::string together;
    for (const std::string_view part : parts) together += part;
    co_return heard(together);
  }
  // Now and then only a part goes out at once.
  Result<std::size_t> write_now(std::string_view bytes) override {
    const std::size_t part = bytes.size() % 3 == 0 ? some_place_in(bytes) : bytes.size();
    if (auto taken = heard(std::string(bytes.substr(0, part))); !taken) return taken.error();
    return part;
  }
  io::Task<Result<>> start_tls(std::shared_ptr<const io::ServerTls>, TimePoint) override {
    tls_.version = "TLSv1.3";
    co_return Result<void>{};
  }
  io::Task<Result<>> start_tls(std::shared_ptr<const io::ClientTls>, std::string, TimePoint) override {
    co_return fail(Errc::tls, "no TLS here");
  }
  const io::TlsInfo& tls() const override { return tls_; }
  io::Task<io::Farewell> close() override {
    co_return io::Farewell{.acknowledged = !broken_, .spoke = false};
  }
  void hang_up() override { broken_ = true; }
  void abort() override { broken_ = true; }
  void interrupt() override {}
  Endpoint local() const override { return *Endpoint::parse("192.0.2.10:25"); }
  Endpoint peer() const override { return *Endpoint::parse("198.51.100.7:40000"); }
  std::size_t unacknowledged() const override { return 0; }

 protected:
  virtual Result<> heard(const std::string& bytes) = 0;

  bool broken_ = false;

 private:
  io::TlsInfo tls_;
};

}  // namespace sallyport::fuzz
