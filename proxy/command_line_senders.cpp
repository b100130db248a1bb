// `allow`, `block`, `correspondents` and `greylist`: who may send, of a gateway that runs or of its state.
#include "proxy/command_line.h"
#include "proxy/correspondent_command.h"
#include "proxy/greylist_command.h"
#include "proxy/sender_list_command.h"

namespace sallyport::proxy {
namespace {

void add_sender_list(CommandLine& line, SenderListKind kind, const char* help) {
  SenderListOptions usual;
  usual.kind = kind;
  Actions<SenderListOptions> list(line, to_string(kind), help, run_sender_list, usual);
  const auto add = [&](const char* action, const char* what) {
    auto* sub = list.add(action, what);
    sub->add_option("--for", list->recipient, "an address, or a domain, of ours; without: for everybody");
    return sub;
  };
  const auto with_sender = [&](CLI::App* sub) {
    sub->add_option("sender", list->pattern,
                    "joe@example.com, example.com, *.example.com, 192.0.2.0/24 or rdns:*.example.net")
        ->required();
    return sub;
  };
  auto* entry = with_sender(add("add", "an entry that counts from now on"));
  entry->add_option("--reason", list->reason, "why, for whoever finds it later");
  entry->add_option("--owner", list->owner, "whom to ask about it; without: you");
  entry->add_option("--expires", list->expires, "30d, or the last day: 2027-01-31");
  if (kind == SenderListKind::allow)
    entry->add_flag("--authenticated", list->authenticated, "only mail that passed SPF");
  with_sender(add("remove", "an entry that a command added"));
  add("list", "all entries, those of the files too; with --for those that hold for it, everybody's too")
      ->add_flag("--json", list->json, "a JSON object a line");
}

void add_correspondents(CommandLine& line) {
  Actions<CorrespondentOptions> correspondents(line, "correspondents", "people our users write to",
                                               run_correspondents);
  const auto add = [&](const char* action, const char* help) {
    auto* sub = correspondents.add(action, help);
    sub->add_flag("--json", correspondents->json, "a JSON object a line");
    return sub;
  };
  for (auto* sub : {add("check", "who wrote to an address, and when last"),
                    add("forget", "as if nobody of ours had ever written to it")}) {
    sub->add_option("ours", correspondents->ours, "an address of ours, or a domain of ours: anybody there")
        ->required();
    sub->add_option("theirs", correspondents->theirs, "the address that was written to")->required();
  }
  add("count", "how many there are");
}

void add_greylist(CommandLine& line) {
  Actions<GreylistOptions> greylist(line, "greylist", "who has to come again, and what that costs",
                                    run_greylist);
  const auto add = [&](const char* action, const char* help) {
    auto* sub = greylist.add(action, help);
    sub->add_flag("--json", greylist->json, "a JSON object a line");
    return sub;
  };
  auto* list = add("list", "who waits now");
  auto* release = add("release", "let pass at the next try who waits");
  release->add_flag("--all", greylist->all, "everybody who waits");
  auto* forget =
      add("forget", "start anew: who waits and who has passed; of --client alone also that it is known");
  for (auto* sub : {list, release, forget}) {
    sub->add_option("--client", greylist->client, "as the events name it: a domain, or a network");
    sub->add_option("--from", greylist->from,
                    "the sender: an address, a domain, or a pattern with *; \"<>\" is the null sender")
        ->transform(in_brackets_or_not());
    sub->add_option("--to", greylist->to, "the recipient, likewise")->transform(in_brackets_or_not());
  }
  add("stats", "how many had to wait, for how long, and who never came back");
}

}  // namespace

void add_sender_commands(CommandLine& line) {
  add_sender_list(line, SenderListKind::allow, "senders that are let through");
  add_sender_list(line, SenderListKind::block, "senders that are refused");
  add_correspondents(line);
  add_greylist(line);
}

}  // namespace sallyport::proxy
