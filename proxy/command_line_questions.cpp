// `dns` and `try`: what the DNS says of a client, and what would become of its mail.
#include "proxy/command_line.h"
#include "proxy/dns_command.h"
#include "proxy/try_command.h"

namespace sallyport::proxy {
namespace {

// One check alone.
void add_dns(CommandLine& line) {
  const auto options = std::make_shared<DnsOptions>();
  auto* dns = line.app.add_subcommand("dns", "ask the DNS what a check asks, and say what was answered");
  dns->require_subcommand(1);
  dns->add_option("--zone", options->source.zone, "a master file that answers instead of servers");
  dns->add_option("--server", options->source.servers,
                  "ADDRESS or ADDRESS:PORT (repeat it); without: /etc/resolv.conf");
  dns->add_flag("--json", options->json, "as JSON");
  const auto add = [&](const char* name, const char* help, DnsCheck check) {
    auto* sub = dns->add_subcommand(name, help);
    sub->fallthrough();
    sub->callback(
        [&line, options, check] { line.chosen = [options, check] { return run_dns(check, *options); }; });
    return sub;
  };
  auto* spf = add("spf", "may this client send mail for that domain? (RFC 7208)", DnsCheck::spf);
  spf->add_option("--ip", options->ip, "the client's address")->required();
  spf->add_option("--from", options->from, "the address in MAIL FROM");
  spf->add_option("--helo", options->helo,
                  "what the client said in HELO; judged itself when --from is empty");
  add("rdns", "the client's reverse name, and whether it has the client's address", DnsCheck::rdns)
      ->add_option("--ip", options->ip, "the client's address")
      ->required();
  auto* helo = add("helo", "whether a HELO name has the client's address", DnsCheck::helo);
  helo->add_option("--ip", options->ip, "the client's address")->required();
  helo->add_option("--helo", options->helo, "what the client said in HELO")->required();
  add("mx", "whether a domain could take an answer", DnsCheck::mx)
      ->add_option("--domain", options->domain, "the domain of a sender")
      ->required();
  auto* dnsbl = add("dnsbl", "whether a DNS list has an address or a domain (RFC 5782)", DnsCheck::dnsbl);
  dnsbl->add_option("--list", options->list, "the list's zone")->required();
  dnsbl->add_option("--ip", options->ip, "an address");
  dnsbl->add_option("--domain", options->domain, "or a domain");
}

// All checks at once, and the verdict.
void add_try(CommandLine& line) {
  const auto options = std::make_shared<TryOptions>();
  auto* attempt = line.add("try", "say what would become of a stranger's mail, and why", [&line, options] {
    options->directory = line.directory;
    return run_try(*options);
  });
  attempt->add_option("--ip", options->ip, "the client's address")->required();
  attempt->add_option("--helo", options->helo, "what the client says in EHLO")->required();
  attempt->add_option("--from", options->from, "the address in MAIL FROM; \"\" is the null sender")
      ->required();
  attempt->add_option("--to,--rcpt", options->to,
                      "the address in RCPT TO; without: somebody in the first of our domains");
  attempt->add_option("--zone", options->source.zone, "a master file that answers instead of servers");
  attempt->add_option("--server", options->source.servers,
                      "ADDRESS or ADDRESS:PORT (repeat it); without: those of the configuration");
  attempt->add_flag("--json", options->json, "as JSON");
}

}  // namespace

void add_question_commands(CommandLine& line) {
  add_dns(line);
  add_try(line);
}

}  // namespace sallyport::proxy
