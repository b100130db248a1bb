#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/io/tls.h"
#include "tests/unit/io_certificates.h"

namespace sallyport::io {
namespace {

using namespace testing;

std::string contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string& path, const std::string& bytes) { std::ofstream(path) << bytes; }

Result<std::shared_ptr<const ServerTls>> load(const CertificateFiles& files) {
  return ServerTls::load({.certificates = {files}});
}

}  // namespace

TEST_CASE("make_self_signed: ten years, usable at once, readable by the owner only") {
  const TemporaryDirectory directory;
  const CertificateFiles files = directory.files("mx");
  REQUIRE(make_self_signed("mx.example.com", files).has_value());
  struct stat status{};
  REQUIRE(::stat(files.key.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  const auto server = load(files);
  REQUIRE(server.has_value());
  const auto left = (*server)->expires() - std::chrono::system_clock::now();
  CHECK(left > std::chrono::hours(24 * 3651));
  CHECK(left < std::chrono::hours(24 * 3653));
}

TEST_CASE("make_self_signed: errors") {
  const TemporaryDirectory directory;
  CHECK(make_self_signed("", directory.files("mx")).error().code == Errc::invalid);
  CHECK(make_self_signed("a,DNS:b", directory.files("mx")).error().code == Errc::invalid);
  CHECK_FALSE(
      make_self_signed("mx", {directory.path("no/mx.pem"), directory.path("no/mx.key")}).has_value());
}

TEST_CASE("a certificate that cannot be used is refused with its file's name and the reason") {
  const TemporaryDirectory directory;
  const CertificateFiles good = directory.self_signed("good.example");
  const CertificateFiles other = directory.self_signed("other.example");
  const CertificateFiles bad = directory.files("bad");
  write_file(bad.certificate, contents(good.certificate));
  write_file(bad.key, contents(good.key));
  CHECK(load(bad).has_value());

  SUBCASE("no such file") {
    const auto server = load({directory.path("none.pem"), good.key});
    CHECK(server.error().code == Errc::not_found);
    CHECK(server.error().detail == directory.path("none.pem") + ": No such file or directory");
    CHECK(load({good.certificate, directory.path("none.key")}).error().code == Errc::not_found);
  }
  SUBCASE("not PEM") {
    write_file(bad.certificate, "hello\n");
    CHECK(load(bad).error().detail == bad.certificate + ": no certificate in it");
    write_file(bad.key, "hello\n");
    CHECK(load({good.certificate, bad.key}).error().detail ==
          bad.key + ": no private key in it, or a damaged one");
  }
  SUBCASE("a chain that was cut off") {
    const std::string pem = contents(good.certificate);
    write_file(bad.certificate, pem + pem.substr(0, pem.size() / 2));
    const auto server = load(bad);
    CHECK(server.error().code == Errc::invalid);
    CHECK(server.error().detail == bad.certificate + ": certificate 2 is damaged or cut off");
  }
  SUBCASE("a key that was cut off") {
    const std::string pem = contents(good.key);
    write_file(bad.key, pem.substr(0, pem.size() / 2));
    CHECK(load(bad).error().detail == bad.key + ": no private key in it, or a damaged one");
  }
  SUBCASE("another certificate's key") {
    const auto server = load({good.certificate, other.key});
    CHECK(server.error().code == Errc::invalid);
    CHECK(server.error().detail ==
          other.key + ": the key does not belong to the first certificate of " + good.certificate);
  }
  SUBCASE("an encrypted key never asks at the terminal") {
    encrypt_key(good.key, bad.key);
    CHECK(load(bad).error().detail.find("the key is encrypted") != std::string::npos);
  }
  SUBCASE("expired is no error, and is told") {
    const auto server = load(directory.issue({.name = "old.example", .not_after = "20260101000000Z"}));
    REQUIRE(server);
    CHECK((*server)->expires() < system_clock().wall());
  }
  SUBCASE("none at all") { CHECK(ServerTls::load({}).error().code == Errc::invalid); }
}

TEST_CASE("expires() is the earliest of all certificates") {
  const TemporaryDirectory directory;
  const CertificateFiles late = directory.self_signed("late.example");
  const CertificateFiles early = directory.issue({.name = "early.example", .not_after = "20990101000000Z"});
  const CertificateFiles later = directory.issue({.name = "later.example", .not_after = "21000101000000Z"});
  const auto one = ServerTls::load({.certificates = {later}});
  const auto all = ServerTls::load({.certificates = {later, early, later}});
  CHECK((*all)->expires() < (*one)->expires());
  CHECK((*load(late))->expires() < (*all)->expires());
}

TEST_CASE("client settings: a pin set needs a pin, a CA file must be one") {
  const TemporaryDirectory directory;
  CHECK(ClientTls::load({.verify = Verify::pin}).error().code == Errc::invalid);
  CHECK(ClientTls::load({.verify = Verify::name, .ca = directory.path("none")}).error().code ==
        Errc::not_found);
  CHECK(ClientTls::load({.verify = Verify::name}).has_value());
  CHECK(ClientTls::load({}).has_value());
}

}  // namespace sallyport::io
