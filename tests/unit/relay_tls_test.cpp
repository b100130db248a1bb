// TLS and AUTH towards the next hop, by the route's policy.
#include <filesystem>

#include "tests/unit/relay_bench.h"

namespace sallyport::relay::testing {
namespace {

class Certificate {
 public:
  explicit Certificate(const std::string& name) {
    std::string form = (std::filesystem::temp_directory_path() / "sallyport-relay-XXXXXX").string();
    REQUIRE(::mkdtemp(form.data()) != nullptr);
    directory_ = form;
    files_ = {form + "/certificate.pem", form + "/key.pem"};
    REQUIRE(io::make_self_signed(name, files_).has_value());
  }
  ~Certificate() { std::filesystem::remove_all(directory_); }

  std::shared_ptr<const io::ServerTls> server(io::TlsVersion minimum = io::TlsVersion::tls1_2) const {
    return *io::ServerTls::load({.certificates = {files_}, .minimum = minimum});
  }
  std::shared_ptr<const io::ClientTls> client(io::Verify verify, bool trusted) const {
    return *io::ClientTls::load({.verify = verify, .ca = trusted ? files_.certificate : ""});
  }

 private:
  std::filesystem::path directory_;
  io::CertificateFiles files_;
};

void use_tls(Bench& bench, TlsPolicy policy, const Certificate& certificate, bool trusted = false) {
  bench.route.tls = policy;
  const auto verify = policy == TlsPolicy::verified ? io::Verify::name : io::Verify::none;
  bench.route.tls_settings = certificate.client(verify, trusted);
}

bool mail_in_clear(const Bench& bench) {
  return bench.hop.plaintext().contains("MAIL") || bench.hop.plaintext().contains("RCPT");
}

}  // namespace

TEST_CASE("TLS is used where offered, and EHLO said again behind it (B16)") {
  const Certificate certificate("127.0.0.1");
  for (const auto policy : {TlsPolicy::opportunistic, TlsPolicy::required, TlsPolicy::verified}) {
    Bench bench;
    use_tls(bench, policy, certificate, true);
    bench.hop.rules.tls = certificate.server();
    bench.hop.rules.offers = {"CHUNKING"};
    bench.hop.rules.offers_in_tls = {"SIZE"};
    const auto delivery = bench.deliver_to({"a@example.com"});
    CHECK(delivery.fate == Fate::delivered);
    CHECK(delivery.tls);
    CHECK(bench.hop.taken()[0].tls);
    CHECK(bench.hop.count("EHLO") == 2);
    CHECK(bench.hop.count("BDAT") == 0);
    CHECK(bench.hop.taken()[0].from.contains("SIZE="));
    CHECK_FALSE(mail_in_clear(bench));
  }
  Bench never;
  never.hop.rules.tls = certificate.server();
  CHECK_FALSE(never.deliver_to({"a@example.com"}).tls);
}

TEST_CASE("implicit TLS") {
  const Certificate certificate("127.0.0.1");
  Bench bench;
  use_tls(bench, TlsPolicy::verified, certificate, true);
  bench.hop.rules.tls = certificate.server();
  bench.hop.rules.implicit_tls = true;
  CHECK(bench.deliver_to({"a@example.com"}).tls);
  CHECK(bench.hop.count("STARTTLS") == 0);
}

TEST_CASE("B15 required and verified: 451 4.7.5 and not one octet of mail in clear") {
  const Certificate certificate("127.0.0.1");
  const Certificate other("other.test");
  struct {
    const char* what;
    TlsPolicy policy;
    std::shared_ptr<const io::ServerTls> server;
    const char* starttls;
    bool trusted;
  } cases[] = {
      {"not offered", TlsPolicy::required, nullptr, nullptr, true},
      {"454", TlsPolicy::required, certificate.server(), "454 4.7.0 not now", true},
      {"plaintext behind the 220", TlsPolicy::required, certificate.server(), "220 go\r\n250 injected",
       true},
      {"no handshake", TlsPolicy::required, certificate.server(), "220 go\r\n<close>", true},
      {"hang", TlsPolicy::required, certificate.server(), "220 go\r\n<raw><hang>", true},
      {"self-signed", TlsPolicy::verified, certificate.server(), nullptr, false},
      {"wrong name", TlsPolicy::verified, other.server(), nullptr, true},
  };
  for (const auto& row : cases) {
    CAPTURE(row.what);
    Bench bench;
    bench.route.command_timeout = 300ms;
    use_tls(bench, row.policy, certificate, row.trusted);
    bench.hop.rules.tls = row.server;
    if (row.starttls) bench.hop.rules.answers["STARTTLS"] = row.starttls;
    const auto delivery = bench.deliver_to({"a@example.com"});
    CHECK(delivery.fate == Fate::deferred);
    CHECK(line(delivery.reply) == "451 4.7.5");
    CHECK_FALSE(mail_in_clear(bench));
    CHECK(bench.hop.taken().empty());
    CHECK(bench.told("way_refused") == 1);
  }
}

TEST_CASE("B15 opportunistic: any failure of TLS means once more in clear, on a new connection, and told") {
  const Certificate certificate("127.0.0.1");
  for (const char* starttls : {"454 4.7.0 not now", "220 go\r\n250 injected", "220 go\r\n<raw><close>"}) {
    CAPTURE(starttls);
    Bench bench;
    use_tls(bench, TlsPolicy::opportunistic, certificate);
    bench.hop.rules.tls = certificate.server();
    bench.hop.rules.answers["STARTTLS"] = starttls;
    const auto delivery = bench.deliver_to({"a@example.com"});
    CHECK(delivery.fate == Fate::delivered);
    CHECK_FALSE(delivery.tls);
    CHECK(bench.hop.connections() == 2);
    REQUIRE(bench.told("tls_fallback") == 1);
    CHECK(std::ranges::find(bench.troubles, std::string_view("tls_fallback"), &Trouble::kind)->route ==
          "test");
  }
  Bench silent;  // nothing offered, nothing to tell
  use_tls(silent, TlsPolicy::opportunistic, certificate);
  CHECK(silent.deliver_to({"a@example.com"}).fate == Fate::delivered);
  CHECK(silent.hop.connections() == 1);
  CHECK(silent.troubles.empty());
}

TEST_CASE("AUTH PLAIN and LOGIN, under TLS only") {
  const Certificate certificate("127.0.0.1");
  struct {
    const char* offer;
    std::vector<std::string> said;
  } cases[] = {{"AUTH CRAM-MD5 PLAIN LOGIN", {"AUTH PLAIN AHVzZXIAcGFzcw=="}},
               {"AUTH LOGIN", {"AUTH LOGIN", "dXNlcg==", "cGFzcw=="}}};
  for (const auto& row : cases) {
    Bench bench;
    use_tls(bench, TlsPolicy::required, certificate);
    bench.route.credentials = Credentials{"user", "pass"};
    bench.hop.rules.tls = certificate.server();
    bench.hop.rules.offers = {row.offer};
    bench.hop.rules.answers = {{"AUTH PLAIN", "235 2.7.0 ok"},
                               {"AUTH LOGIN", "334 VXNlcm5hbWU6"},
                               {"dXNlcg==", "334 UGFzc3dvcmQ6"},
                               {"cGFzcw==", "235 2.7.0 ok"}};
    CHECK(bench.deliver_to({"a@example.com"}).fate == Fate::delivered);
    for (const auto& said : row.said) CHECK(bench.hop.count(said) == 1);
  }
}

TEST_CASE("AUTH that fails is a fault of the way; a password is never sent in clear, nor told") {
  const Certificate certificate("127.0.0.1");
  Bench refused;
  use_tls(refused, TlsPolicy::required, certificate);
  refused.route.credentials = Credentials{"user", "pass"};
  refused.hop.rules.tls = certificate.server();
  refused.hop.rules.offers = {"AUTH PLAIN"};
  refused.hop.rules.answers["AUTH"] = "535 5.7.8 wrong";
  CHECK(line(refused.deliver_to({"a@example.com"}).reply) == "451 4.3.0");
  CHECK(refused.told("way_refused") == 1);
  CHECK_FALSE(refused.troubles.back().detail.contains("AHVz"));

  Bench none;
  use_tls(none, TlsPolicy::required, certificate);
  none.route.credentials = Credentials{"user", "pass"};
  none.hop.rules.tls = certificate.server();
  CHECK(line(none.deliver_to({"a@example.com"}).reply) == "451 4.3.0");

  Bench clear;
  use_tls(clear, TlsPolicy::opportunistic, certificate);
  clear.route.credentials = Credentials{"user", "pass"};
  clear.hop.rules.offers = {"AUTH PLAIN"};
  CHECK(line(clear.deliver_to({"a@example.com"}).reply) == "451 4.7.5");
  CHECK(clear.hop.count("AUTH") == 0);
  CHECK(clear.hop.count("MAIL") == 0);
}

}  // namespace sallyport::relay::testing
