// A whole site as tests of the configuration load it.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "proxy/settings.h"
#include "tests/unit/conf_d.h"

namespace sallyport::proxy::testing {

using sallyport::test::ConfD;

struct Loaded {
  config::Diagnostics diagnostics;
  std::shared_ptr<const Settings> settings;

  explicit Loaded(const std::string& directory, LoadOptions options = {}) {
    if (options.system_hostname.empty()) options.system_hostname = "vm";
    settings = load(directory, options, diagnostics);
    INFO(diagnostics.to_string());
  }
};

// As in the README: two domains, Exchange behind it, a smart host.
inline const std::string kSite = R"({
  "hostname": "MX.Site.Test",
  "domains": { "site.test": { "route": "groupware" }, "*.Bücher.test": { "route": "groupware" } },
  "routes": {
    "groupware": {
      "hosts": ["10.0.0.25:25", "lmtp://10.0.0.26", "smtps://[2001:DB8::1]", "mail.site.test"],
      "tls": "opportunistic",
      "recipients": { "ask": "10.0.0.25:2525" },
      "max_connections": 3, "source": "10.0.0.5", "eight_bit": "refuse", "message_size": "20MB",
      "timeouts": { "connect": "3s", "data": "9m" }
    },
    "smarthost": { "hosts": ["relay.isp.test:587"], "tls": "verified",
                   "auth": { "user": "us", "password_file": "secret" },
                   "recipients": { "list": "lists/known" } }
  },
  "outbound": { "route": "smarthost" },
  "trusted_networks": ["10.0.0.25", "10.0.0.26"],
  "upstream": ["192.0.2.0/28"], "lenient_networks": ["10.0.7.7"],
  "role_mailbox": "it@site.test",
  "listeners": { "mx": { "bind": ["[::]:25"], "tls": "none" },
                 "inside": { "bind": ["10.0.0.1:2525"], "tls": "none", "proxy_protocol": ["10.9.9.9"] } },
  "state": { "sqlite": "state.db" }, "temp_directory": "/tmp", "workers": 2,
  "tls": { "client_fingerprints": ["AA:)" +
                                 std::string(62, '0') + R"("] },
  "limits": { "message_size": "25MB", "received": 30 },
  "timeouts": { "data_rate": 1000, "drain": "5s" },
  "checks": { "early_talker": { "mode": "enforce" }, "malformed_header": "pass" },
  "barring": { "senders": "lists/bar", "reply": "Go away", "reply_id": false }
})";

inline ConfD& write_site(ConfD& conf) {
  return conf.file("10-site.json", kSite)
      .file("secret", "s3cret\nnot this\n")
      .file("lists/known", "# ours\nAnna@Site.Test\n\n  anna@site.test  \r\nben@site.test # he\n")
      .file("lists/bar", "*@spam.test\n~good@spam.test\n");
}

}  // namespace sallyport::proxy::testing
