#include "admin/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <string_view>

#include "admin/client_commands.h"
#include "admin/completion.h"

namespace admin {

namespace {

constexpr int kUsage = 2;

// What the options fill in. One command runs, so commands share the members.
struct Arguments {
    ServeOptions serve;
    ClientCommands::Options client;
    std::string config_file;
    ClientCommands::ChangeFilter changes;
    ClientCommands::Declared declared;
    ClientCommands::StatsSpan span;
    std::string zone, name, type, id, file, list_file, bind_file, nsd_file, search, comment, filter,
        revision, pool, status, shell;
    std::uint64_t from = 0, to = 0;
    std::optional<std::uint64_t> to_or_newest;
    std::vector<std::string> rdata, ns;
    std::optional<std::uint32_t> ttl;
    bool offline = false;
    bool subtree = false;
};

// Builds the commands; each leaves in `run` what is to be done once all has been read.
class Parser {
  public:
    Parser(CLI::App& app, const ServerCommands& commands) : app_(app), commands_(commands) {}

    void build() {
        app_.fallthrough();
        app_.require_subcommand(1);
        app_.set_version_flag("--version", std::string("meridian ") + MERIDIAN_VERSION);
        app_.add_option("--server", a_.client.client.server, "URL or admin socket of the server")
            ->envname("MERIDIAN_SERVER")
            ->type_name(kFile);
        app_.add_option("--token-file", a_.client.token_file,
                        "file with a token (or the token in MERIDIAN_TOKEN)")
            ->type_name(kFile);
        app_.add_option("--ca-file", a_.client.client.ca_file,
                        "authority of a server over https, where this machine does not know it")
            ->envname("MERIDIAN_CA_FILE")
            ->type_name(kFile);
        CLI::Option* const certificate =
            app_.add_option("--cert-file", a_.client.client.certificate_file,
                            "certificate to be known by instead of a token")
                ->envname("MERIDIAN_CERT_FILE")
                ->type_name(kFile);
        app_.add_option("--key-file", a_.client.client.key_file,
                        "its key; default: in the same file")
            ->envname("MERIDIAN_KEY_FILE")
            ->type_name(kFile)
            ->needs(certificate);
        app_.add_option("--data-dir", a_.client.data_dir, "data directory of the server")
            ->type_name(kDirectory);
        app_.add_flag("--json", a_.client.json, "print JSON");
        program();
        zones();
        records();
        documents();
        members();
        policies();
        history();
        declared();
        rest();
        not_built();
    }
    [[nodiscard]] int run() const { return run_ ? run_() : kUsage; }

  private:
    using Method = std::function<int(ClientCommands&)>;

    // A command of the client.
    CLI::App* command(CLI::App* parent, const std::string& name, const std::string& help,
                      Method method) {
        CLI::App* sub = parent->add_subcommand(name, help);
        sub->callback([this, method = std::move(method)] { run_ = client_command(method); });
        return sub;
    }
    std::function<int()> client_command(Method method) {
        return [this, method = std::move(method)] {
            ClientCommands client(a_.client);
            return method(client);
        };
    }
    CLI::App* group(const std::string& name, const std::string& help) {
        CLI::App* sub = app_.add_subcommand(name, help);
        sub->require_subcommand(1);
        return sub;
    }
    void dry_run(CLI::App* sub) {
        sub->add_flag("--dry-run", a_.client.dry_run, "check and describe, write nothing");
    }
    void view(CLI::App* sub) {
        sub->add_option("--view", a_.client.view, "the overlay of this view");
    }
    void required(CLI::App* sub, const std::string& name, std::string& value,
                  const std::string& help) {
        sub->add_option(name, value, help)->required();
    }

    void program() {
        CLI::App* serve = app_.add_subcommand("serve", "run the server");
        serve->add_option("--config", a_.serve.config, "configuration file (TOML)")
            ->type_name(kFile);
        serve
            ->add_option("--dns", a_.serve.dns, "ADDR:PORT to answer DNS on, instead of the file's")
            ->expected(1)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        serve->add_option("--admin", a_.serve.admin, "ADDR:PORT for HTTP, instead of the file's");
        serve->callback([this] {
            run_ = [this] {
                a_.serve.data_dir = a_.client.data_dir;
                return commands_.serve(a_.serve);
            };
        });
        CLI::App* check = app_.add_subcommand("check-config", "check a configuration file");
        check->add_option("FILE", a_.config_file, "default: /etc/meridian/meridian.toml");
        check->callback(
            [this] { run_ = [this] { return commands_.check_config(a_.config_file); }; });
    }

    void zones() {
        CLI::App* zone = group("zone", "zones");
        CLI::App* sub =
            command(zone, "list", "all zones", [this](auto& c) { return c.zone_list(a_.search); });
        sub->add_option("--search", a_.search, "only names that contain this");
        sub = command(zone, "show", "one zone", [this](auto& c) { return c.zone_show(a_.zone); });
        required(sub, "ZONE", a_.zone, "the zone's name");
        sub = command(zone, "create", "create a zone",
                      [this](auto& c) { return c.zone_create(a_.zone, a_.ns, a_.comment); });
        required(sub, "ZONE", a_.zone, "the zone's name");
        sub->add_option("--ns", a_.ns, "a name server (again for more)")
            ->required()
            ->expected(1)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        sub->add_option("--comment", a_.comment, "a comment");
        sub->add_option("--view", a_.client.view, "the zone exists in this view alone");
        dry_run(sub);
        sub = command(zone, "delete", "delete a zone with everything in it",
                      [this](auto& c) { return c.zone_delete(a_.zone); });
        required(sub, "ZONE", a_.zone, "the zone's name");
        dry_run(sub);
        sub = command(zone, "export", "write a master file",
                      [this](auto& c) { return c.zone_export(a_.zone, a_.file); });
        required(sub, "ZONE", a_.zone, "the zone's name");
        sub->add_option("FILE", a_.file, "default: standard output");
        view(sub);
        sub = command(zone, "check", "check a master file, without a server",
                      [this](auto& c) { return c.zone_check(a_.zone, a_.file); });
        required(sub, "ZONE", a_.zone, "the zone's name");
        required(sub, "FILE", a_.file, "the master file; - for standard input");
        sub = command(zone, "history", "what was changed in a zone, newest first", [this](auto& c) {
            return c.changes({a_.zone, {}, {}, {}});
        });
        required(sub, "ZONE", a_.zone, "the zone's name; it may be deleted");
        sub = command(zone, "diff", "what differs between two revisions of a zone",
                      [this](auto& c) { return c.zone_diff(a_.zone, a_.from, a_.to_or_newest); });
        required(sub, "ZONE", a_.zone, "the zone's name");
        sub->add_option("--from", a_.from, "a revision")->required();
        sub->add_option("--to", a_.to_or_newest, "another; default: the newest");
        view(sub);
        sub = command(zone, "revert", "undo all later changes of a zone, its deletion too",
                      [this](auto& c) { return c.zone_revert(a_.zone, a_.to); });
        required(sub, "ZONE", a_.zone, "the zone's name");
        sub->add_option("--to", a_.to, "the revision to go back to")->required();
        dry_run(sub);
        import(zone);
    }

    void import(CLI::App* zone) {
        CLI::App* sub = command(zone, "import", "replace a zone by a master file",
                                [this](auto& c) { return run_import(c); });
        sub->add_option("ZONE", a_.zone, "the zone's name");
        sub->add_option("FILE", a_.file, "the master file; - for standard input");
        sub->add_option("--list", a_.list_file,
                        "many zones: a line is a zone, a tab, a master file")
            ->type_name(kFile);
        sub->add_option("--bind", a_.bind_file, "the primary zones of a named.conf")
            ->type_name(kFile);
        sub->add_option("--nsd", a_.nsd_file, "the primary zones of an nsd.conf")->type_name(kFile);
        sub->add_flag("--offline", a_.offline,
                      "into the store in --data-dir, which no server has "
                      "open");
        view(sub);
        dry_run(sub);
    }

    int run_import(ClientCommands& client) {
        const int sources = (a_.zone.empty() ? 0 : 1) + (a_.list_file.empty() ? 0 : 1) +
                            (a_.bind_file.empty() ? 0 : 1) + (a_.nsd_file.empty() ? 0 : 1);
        if (sources != 1 || a_.zone.empty() != a_.file.empty()) {
            std::cerr << "meridian: zone import takes ZONE and FILE, --list FILE, --bind FILE or "
                         "--nsd FILE"
                      << std::endl;
            return kUsage;
        }
        if (a_.offline && a_.client.data_dir.empty()) {
            std::cerr << "meridian: --offline needs --data-dir" << std::endl;
            return kUsage;
        }
        if (a_.offline && !a_.client.view.empty()) {
            std::cerr << "meridian: an overlay is imported into a running server" << std::endl;
            return kUsage;
        }
        if (!a_.offline && !a_.zone.empty()) return client.zone_import(a_.zone, a_.file);
        return client.zone_import_many({a_.zone, a_.file, a_.list_file, a_.bind_file, a_.nsd_file},
                                       a_.offline);
    }

    void records() {
        CLI::App* record = group("record", "records of a zone");
        CLI::App* sub =
            command(record, "list", "the records of a zone, a name or an RRset",
                    [this](auto& c) { return c.record_list(a_.zone, a_.name, a_.type); });
        required(sub, "ZONE", a_.zone, "the zone's name");
        sub->add_option("NAME", a_.name, "absolute, or relative to the zone; @ is the apex");
        sub->add_option("TYPE", a_.type, "A, AAAA, TXT, ...");
        view(sub);
        sub = command(record, "set", "replace an RRset", [this](auto& c) {
            return c.record_set(a_.zone, a_.name, a_.type, a_.ttl, a_.rdata);
        });
        rrset(sub);
        sub->add_option("--ttl", a_.ttl, "seconds; default: as before, or 3600");
        sub = command(record, "add", "add records to an RRset", [this](auto& c) {
            return c.record_change("add", a_.zone, a_.name, a_.type, a_.ttl, a_.rdata);
        });
        rrset(sub);
        sub->add_option("--ttl", a_.ttl, "seconds");
        sub = command(record, "remove", "remove records from an RRset", [this](auto& c) {
            return c.record_change("remove", a_.zone, a_.name, a_.type, std::nullopt, a_.rdata);
        });
        rrset(sub);
        sub->add_option("--ttl", a_.ttl,
                        "as the others have it; the records go whatever theirs is");
        sub = command(record, "delete", "delete an RRset, or all of a name",
                      [this](auto& c) { return c.record_delete(a_.zone, a_.name, a_.type); });
        required(sub, "ZONE", a_.zone, "the zone's name");
        required(sub, "NAME", a_.name, "absolute, or relative to the zone; @ is the apex");
        sub->add_option("TYPE", a_.type, "default: all types");
        view(sub);
        dry_run(sub);
    }

    void rrset(CLI::App* sub) {
        required(sub, "ZONE", a_.zone, "the zone's name");
        required(sub, "NAME", a_.name, "absolute, or relative to the zone; @ is the apex");
        required(sub, "TYPE", a_.type, "A, AAAA, TXT, ...");
        sub->add_option("RDATA", a_.rdata, "one argument per record")->required();
        view(sub);
        dry_run(sub);
    }

    void documents() {
        struct Kind {
            const char* command;
            const char* resource;
            const char* id;
            bool file_needed;
        };
        for (const Kind& kind :
             {Kind{"view", "views", "NAME", false}, Kind{"network", "networks", "PREFIX", false},
              Kind{"map", "maps", "ID", true}, Kind{"pool", "pools", "ID", true},
              Kind{"monitor", "monitors", "ID", true}, Kind{"token", "tokens", "NAME", true},
              Kind{"key", "keys", "NAME", false}}) {
            CLI::App* parent = group(kind.command, kind.resource);
            groups_[kind.command] = parent;
            const std::string resource = kind.resource;
            command(parent, "list", "all of them",
                    [resource](auto& c) { return c.document_list(resource); });
            CLI::App* sub = command(parent, "show", "one of them", [this, resource](auto& c) {
                return c.document_show(resource, a_.id);
            });
            required(sub, kind.id, a_.id, "which one");
            sub = command(parent, "set", "create or replace", [this, resource](auto& c) {
                return c.document_set(resource, a_.id, a_.file);
            });
            required(sub, kind.id, a_.id, "which one");
            sub->add_option("FILE", a_.file, "a JSON document; - for standard input")
                ->required(kind.file_needed);
            if (resource == "networks") {
                sub->add_option("--view", a_.client.view, "the view its clients see");
            }
            dry_run(sub);
            sub = command(parent, "delete", "delete",
                          [this, resource](auto& c) { return c.document_delete(resource, a_.id); });
            required(sub, kind.id, a_.id, "which one");
            dry_run(sub);
        }
    }

    void members() {
        CLI::App* member = group("member", "members of pools");
        const auto target = [this](CLI::App* app, bool named) {
            required(app, "POOL", a_.pool, "the pool's id");
            if (named) required(app, "MEMBER", a_.id, "the member's id");
        };
        target(command(member, "list", "all members of a pool",
                       [this](auto& c) { return c.member_list(a_.pool); }),
               false);
        target(command(member, "show", "one member",
                       [this](auto& c) { return c.member_show(a_.pool, a_.id); }),
               true);
        CLI::App* sub = command(member, "set", "create or replace a member, or set its status",
                                [this](auto& c) { return set_member(c); });
        target(sub, true);
        sub->add_option("FILE", a_.file, "a JSON document; - for standard input");
        sub->add_option("--status", a_.status, "obey (its health), up, down or drain")
            ->check(CLI::IsMember(std::vector<std::string>(kStatuses)));
        dry_run(sub);
        sub = command(member, "delete", "take a member out of its pool",
                      [this](auto& c) { return c.member_delete(a_.pool, a_.id); });
        target(sub, true);
        dry_run(sub);
        sub = command(groups_.at("pool"), "drain", "give a member no new clients",
                      [this](auto& c) { return c.member_set(a_.pool, a_.id, "", "drain"); });
        target(sub, true);
        dry_run(sub);
    }

    int set_member(ClientCommands& client) {
        if (a_.file.empty() && a_.status.empty()) {
            std::cerr << "meridian: member set takes a FILE or --status" << std::endl;
            return kUsage;
        }
        return client.member_set(a_.pool, a_.id, a_.file, a_.status);
    }

    void policies() {
        CLI::App* policy = group("policy", "policies of a zone");
        CLI::App* sub = command(policy, "list", "all policies of a zone",
                                [this](auto& c) { return c.policy_list(a_.zone); });
        required(sub, "ZONE", a_.zone, "the zone's name");
        view(sub);
        const auto target = [this](CLI::App* app) {
            required(app, "ZONE", a_.zone, "the zone's name");
            required(app, "NAME", a_.name, "absolute, or relative to the zone; @ is the apex");
            required(app, "TYPE", a_.type, "ADDRESS or CNAME");
            view(app);
        };
        sub = command(policy, "show", "one policy",
                      [this](auto& c) { return c.policy_show(a_.zone, a_.name, a_.type); });
        target(sub);
        sub = command(policy, "set", "create or replace a policy",
                      [this](auto& c) { return c.policy_set(a_.zone, a_.name, a_.type, a_.file); });
        target(sub);
        required(sub, "FILE", a_.file, "a JSON document; - for standard input");
        dry_run(sub);
        sub = command(policy, "delete", "delete a policy",
                      [this](auto& c) { return c.policy_delete(a_.zone, a_.name, a_.type); });
        target(sub);
        dry_run(sub);
    }

    void history() {
        CLI::App* changes = app_.add_subcommand("changes", "what was changed, newest first");
        filters(changes);
        const auto listing = [this](auto& c) { return c.changes(a_.changes); };
        filters(command(changes, "list", "what was changed, newest first", listing));
        CLI::App* sub = command(changes, "show", "one change set: what was there, and what is now",
                                [this](auto& c) { return c.change_show(a_.revision); });
        required(sub, "REVISION", a_.revision, "its number");
        sub = command(changes, "revert", "put back what one change set changed",
                      [this](auto& c) { return c.change_revert(a_.revision); });
        required(sub, "REVISION", a_.revision, "its number");
        dry_run(sub);
        // On its own it is the listing. (CLI11 calls the commands below first.)
        changes->callback([this, changes, listing] {
            if (changes->get_subcommands().empty()) run_ = client_command(listing);
        });
    }

    void filters(CLI::App* sub) {
        sub->add_option("--zone", a_.changes.zone, "only changes of this zone");
        sub->add_option("--author", a_.changes.author, "only changes by this one");
        sub->add_option("--resource", a_.changes.resource,
                        "only changes of what has this path, like /v1/pools/fra");
        sub->add_option("--since", a_.changes.since, "a revision, or a time (RFC 3339)");
    }

    // Everything as documents, for Git.
    void declared() {
        CLI::App* sub = command(&app_, "dump", "everything as documents, all but tokens and keys",
                                [this](auto& c) { return c.dump(a_.file); });
        sub->add_option("DIR", a_.file, "a tree of files there; default: one on standard output");
        const auto files = [this](CLI::App* app) {
            app->add_option(
                   "-f,--file", a_.declared.files,
                   "documents as dump writes them (or as YAML), or a directory of such; - for "
                   "standard input (again for more)")
                ->required()
                ->expected(1)
                ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
                ->type_name(kFile);
            app->add_flag(
                "--prune", a_.declared.prune,
                "of the kinds that the documents list, also delete what they do not name");
        };
        sub = command(&app_, "apply", "make the server have what documents say",
                      [this](auto& c) { return c.apply(a_.declared); });
        files(sub);
        sub->add_option("-m,--message", a_.declared.message, "what the history says of it");
        dry_run(sub);
        files(command(&app_, "diff",
                      "what apply would change; status 0: nothing, 1: something, 2: unknown",
                      [this](auto& c) { return c.diff(a_.declared); }));
    }

    void rest() {
        CLI::App* completion =
            app_.add_subcommand("completion", "a script that completes commands in a shell");
        completion->add_option("SHELL", a_.shell, "bash, zsh or fish")
            ->required()
            ->check(CLI::IsMember(std::vector<std::string>(kShells)));
        completion->callback([this] {
            run_ = [this] {
                std::cout << completion_script(shape_of(app_), a_.shell) << std::flush;
                return std::cout.good() ? 0 : 1;
            };
        });
        CLI::App* sub = command(&app_, "feed", "queries and changes as they happen",
                                [this](auto& c) { return c.feed(a_.filter); });
        sub->add_option("--filter", a_.filter, "like \"qname=*.example.com qtype=A,AAAA\"");
        CLI::App* cache = group("cache", "what the resolver has learnt");
        sub = command(cache, "show", "what is known of a name",
                      [this](auto& c) { return c.cache_show(a_.name); });
        required(sub, "NAME", a_.name, "a name");
        sub = command(cache, "purge", "forget a name",
                      [this](auto& c) { return c.cache_purge(a_.name, a_.subtree); });
        required(sub, "NAME", a_.name, "a name");
        sub->add_flag("--subtree", a_.subtree, "everything below it too");
        sub = command(&app_, "backup", "a consistent copy of the store, while the server runs",
                      [this](auto& c) { return c.backup(a_.file); });
        required(sub, "DIR", a_.file, "a new directory on the server's machine");
        sub = command(&app_, "restore",
                      "bring a backup back into --data-dir, else where serve keeps its data",
                      [this](auto& c) { return c.restore(a_.file); });
        required(sub, "DIR", a_.file, "the backup's directory");
        sub = command(&app_, "stats", "what the server has done, in all or by time",
                      [this](auto& c) { return c.stats(a_.span); });
        sub->add_option("--from", a_.span.from, "a time (RFC 3339, or seconds since 1970)");
        sub->add_option("--to", a_.span.to, "likewise; default: now");
        sub->add_option("--step", a_.span.step, "seconds of each row");
        CLI::App* job = group("job", "what the server does without anybody waiting for it");
        command(job, "list", "the newest first", [](auto& c) { return c.job_list(); });
        sub = command(job, "show", "one job, with its result",
                      [this](auto& c) { return c.job_show(a_.id); });
        required(sub, "ID", a_.id, "as the list has it");
        sub = command(job, "cancel", "end a job; what it has committed stays",
                      [this](auto& c) { return c.job_cancel(a_.id); });
        required(sub, "ID", a_.id, "as the list has it");
    }

    // Commands that are known, but do not exist yet: they are refused by name.
    void not_built() {
        for (const char* name : {"explain", "trace"}) {
            CLI::App* sub = app_.add_subcommand(name, "not built yet");
            sub->group("");  // not in --help
            sub->allow_extras()->fallthrough(false);
            sub->callback([this, name] {
                run_ = [name] {
                    std::cerr << "meridian: " << name << " is not built yet" << std::endl;
                    return 1;
                };
            });
        }
    }

    // What shells complete.
    static CommandShape shape_of(const CLI::App& app) {
        CommandShape out;
        out.name = app.get_name();
        out.help = app.get_description();
        // What stands before a command may stand behind it, too.
        for (const CLI::App* from = &app; from != nullptr; from = from->get_parent()) {
            for (const CLI::Option* option : from->get_options()) {
                if (!option->get_positional()) {
                    add_option(out, *option, from != &app);
                } else if (from == &app) {
                    out.arguments.push_back(value_of(option->get_name()));
                }
            }
        }
        for (const CLI::App* below :
             app.get_subcommands([](const CLI::App* one) { return !one->get_group().empty(); })) {
            out.commands.push_back(shape_of(*below));
        }
        return out;
    }
    static void add_option(CommandShape& out, const CLI::Option& option, bool of_parent) {
        CommandShape::Option shape;
        for (const std::string& name : option.get_lnames()) shape.names.push_back("--" + name);
        for (const std::string& name : option.get_snames()) shape.names.push_back("-" + name);
        const std::string first = shape.names.front();
        if (of_parent && (first == "--help" || first == "--version")) return;
        // A command's own hides its parent's of the same name.
        const auto is_there = [&](const CommandShape::Option& one) {
            return one.names == shape.names;
        };
        if (std::any_of(out.options.begin(), out.options.end(), is_there)) return;
        shape.help = option.get_description();
        if (option.get_items_expected_max() > 0) {
            shape.value = value_of(first == "--status" ? "STATUS" : option.get_type_name());
        }
        out.options.push_back(std::move(shape));
    }

    // By the name that --help gives it.
    static CommandShape::Value value_of(const std::string& name) {
        using Kind = CommandShape::Value::Kind;
        if (name == kFile) return {Kind::File};
        if (name == kDirectory) return {Kind::Directory};
        if (name == "SHELL") return {Kind::Choice, kShells};
        if (name == "STATUS") return {Kind::Choice, kStatuses};
        if (name == "TYPE") return {Kind::Choice, kTypes};
        return {Kind::Word};
    }

    static constexpr const char* kFile = "FILE";
    static constexpr const char* kDirectory = "DIR";
    static inline const std::vector<std::string> kShells{"bash", "zsh", "fish"};
    static inline const std::vector<std::string> kStatuses{"obey", "up", "down", "drain"};
    // Those that people write.
    static inline const std::vector<std::string> kTypes{
        "A",  "AAAA", "CAA", "CNAME", "DNAME", "DS",   "HTTPS", "LOC", "MX", "NAPTR",
        "NS", "PTR",  "SOA", "SRV",   "SSHFP", "SVCB", "TLSA",  "TXT", "URI"};

    CLI::App& app_;
    const ServerCommands& commands_;
    Arguments a_;
    std::map<std::string, CLI::App*> groups_;
    std::function<int()> run_;
};

}  // namespace

int run_command_line(int argc, const char* const* argv, const ServerCommands& commands) {
    try {
        CLI::App app("Meridian, a DNS server", "meridian");
        Parser parser(app, commands);
        parser.build();
        try {
            app.parse(argc, argv);
        } catch (const CLI::ParseError& error) {
            // CLI11 says of a mistyped command only that there is none.
            const auto left = app.remaining(true);
            if (std::string_view(error.what()).starts_with("A subcommand") && !left.empty()) {
                std::cerr << "meridian: there is no command " << left.front()
                          << "; --help lists those that there are" << std::endl;
                return kUsage;
            }
            // CLI11 has a code of its own for each mistake; help and version are no mistakes.
            return app.exit(error) == 0 ? 0 : kUsage;
        }
        return parser.run();
    } catch (const std::exception& error) {
        std::cerr << "meridian: " << error.what() << std::endl;
        return 1;
    }
}

}  // namespace admin
