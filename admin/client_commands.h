#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/change_plan.h"
#include "admin/client.h"
#include "admin/document_set.h"
#include "admin/json.h"

namespace admin {

struct ImportJobs;
class ImportProgress;

/// Is this file, by its name, of YAML? Others are of JSON.
[[nodiscard]] bool is_yaml(std::string_view file);

/// A member of a document as it is printed; "-" if it is not there or says nothing.
[[nodiscard]] std::string text_of(const Json& document, std::string_view key);

/// The commands that talk to a running server, apart from how their arguments are read
/// (command_line.h). Each returns the exit status: 0 done, 1 refused or failed, with one line on
/// standard error that says what and where. One thread.
class ClientCommands {
  public:
    struct Options {
        ClientOptions client;
        std::string token_file;
        std::string data_dir;
        std::string view;
        bool json = false;
        bool dry_run = false;
    };
    explicit ClientCommands(const Options& options) : options_(options) {}

    int zone_list(const std::string& search);
    int zone_show(const std::string& zone);
    int zone_create(const std::string& zone, const std::vector<std::string>& ns,
                    const std::string& comment);
    int zone_delete(const std::string& zone);
    int zone_export(const std::string& zone, const std::string& file);
    /// A master file; `-` is standard input.
    int zone_import(const std::string& zone, const std::string& file);
    /// One zone, or those that a list, a named.conf or an nsd.conf names: into the server, or into
    /// a store that no server has open. A zone that is refused does no harm to the others.
    struct ImportSource {
        std::string zone, file;                      // one zone, or
        std::string list_file, bind_file, nsd_file;  // one of these
    };
    int zone_import_many(const ImportSource& source, bool offline);
    /// The rules of an import, without a server or a store; every finding with file and line.
    int zone_check(const std::string& zone, const std::string& file);

    int record_list(const std::string& zone, const std::string& name, const std::string& type);
    int record_set(const std::string& zone, const std::string& name, const std::string& type,
                   std::optional<std::uint32_t> ttl, const std::vector<std::string>& rdata);
    /// `op` is add or remove.
    int record_change(const std::string& op, const std::string& zone, const std::string& name,
                      const std::string& type, std::optional<std::uint32_t> ttl,
                      const std::vector<std::string>& rdata);
    int record_delete(const std::string& zone, const std::string& name, const std::string& type);

    /// `kind` is views, networks, maps, pools, monitors or tokens. `file` holds JSON, `-` is
    /// standard input, empty: nothing but the name (and the view, for a network).
    int document_list(const std::string& kind);
    int document_show(const std::string& kind, const std::string& id);
    int document_set(const std::string& kind, const std::string& id, const std::string& file);
    int document_delete(const std::string& kind, const std::string& id);

    int member_list(const std::string& pool);
    int member_show(const std::string& pool, const std::string& member);
    /// A document, or (`file` empty) a status for a member that is there.
    int member_set(const std::string& pool, const std::string& member, const std::string& file,
                   const std::string& status);
    int member_delete(const std::string& pool, const std::string& member);

    int policy_list(const std::string& zone);
    int policy_show(const std::string& zone, const std::string& name, const std::string& type);
    int policy_set(const std::string& zone, const std::string& name, const std::string& type,
                   const std::string& file);
    int policy_delete(const std::string& zone, const std::string& name, const std::string& type);

    // client_history.cc
    struct ChangeFilter {
        std::string zone, author, resource, since;  // empty: any
    };
    int changes(const ChangeFilter& filter);
    int change_show(const std::string& revision);
    int change_revert(const std::string& revision);
    /// What differs between two revisions; `to` nothing: the newest.
    int zone_diff(const std::string& zone, std::uint64_t from, std::optional<std::uint64_t> to);
    int zone_revert(const std::string& zone, std::uint64_t to);

    /// Everything as documents: on standard output, or as a tree of files (client_dump.cc).
    int dump(const std::string& directory);
    /// What documents say (client_apply.cc). `diff` returns 0 if the server has it so, 1 if not,
    /// and 2 if that cannot be told.
    struct Declared {
        std::vector<std::string> files;  // or directories; "-": standard input
        bool prune = false;
        std::string message;  // for the history
    };
    int apply(const Declared& declared);
    int diff(const Declared& declared);

    int feed(const std::string& filter);
    int cache_show(const std::string& name);
    int cache_purge(const std::string& name, bool subtree);

    // client_server.cc
    /// Totals, or, with any of these, a line for each row of time (as GET /v1/stats takes them).
    struct StatsSpan {
        std::string from, to, step;
    };
    int stats(const StatsSpan& span);
    int job_list();
    int job_show(const std::string& id);
    int job_cancel(const std::string& id);
    /// Into a new directory on the server.
    int backup(const std::string& directory);
    /// A backup into a data directory without a store, with no server running.
    int restore(const std::string& directory);

  private:
    // The server, found at first use; null after complain().
    Client* client();
    // Tells standard error, in one line, and returns the exit status 1.
    static int complain(const std::string& what);
    int complain(const std::string& subject, const ClientResponse& response);

    // A request with and for JSON. `lengthy`: the server may make it a job (RFC 7240).
    static base::Result<ClientResponse> send_json(Client& server, std::string_view method,
                                                  const std::string& path,
                                                  const std::optional<Json>& body, bool lengthy);
    // A request whose response is JSON, or nothing once complain() has been called.
    std::optional<Json> ask(std::string_view method, const std::string& path,
                            const std::string& subject, const std::optional<Json>& body = {});
    // The same for what may take long: it becomes a job of the server, and a terminal shows how far
    // it is. The answer may be a refusal.
    std::optional<ClientResponse> ask_lengthy(const std::string& method, const std::string& path,
                                              const std::string& subject,
                                              const std::optional<Json>& body);
    // Every page of a listing; `row` prints one item.
    int list(std::string path, const std::string& subject,
             const std::function<std::string(const Json&)>& row);
    // Sends a write and prints its outcome.
    int write(std::string_view method, const std::string& path, const std::string& subject,
              const std::optional<Json>& body = {});
    int show_document(const std::string& path, const std::string& subject);
    // What operations did, a line each: - was there before, + is there after.
    static std::string diff_text(const Json& operations);
    int revert(const std::string& path, const std::string& subject,
               const std::optional<Json>& body);
    // JSON, or YAML where the name says so; "-" is JSON on standard input.
    std::optional<Json> read_document(const std::string& file);
    static void warn_of(const std::string& subject, const Json& answer);
    // GET /v1/dump, line by line; `take` returns false to stop. False after complain().
    bool read_dump(const std::function<bool(std::string_view)>& take);
    std::optional<DocumentSet> read_documents(const std::vector<std::string>& from);
    std::optional<DocumentSet> served_documents();
    std::optional<Json> post_changes(const std::vector<const ChangePlan::Part*>& parts,
                                     const std::string& message);
    bool apply_whole(const ChangePlan::Part& part, const std::string& message,
                     zones::Revision& revision);
    bool apply_parts(const ChangePlan& plan, const std::string& message, zones::Revision& revision);
    // Does the plan change anything? Nothing after complain().
    std::optional<bool> try_plan(const ChangePlan& plan);
    // One zone into the server.
    struct Imported {
        bool done = false;
        bool unreachable = false;  // there is no answer: the next zone would have none either
        std::string summary;
        std::string document;                 // the answer, if it is JSON
        std::vector<std::string> complaints;  // a line each
    };
    // `progress`: told what is read; null: the caller tells of zones.
    Imported import_one(const std::string& zone, const std::string& file, ImportProgress* progress);
    int zone_import_jobs(const ImportJobs& jobs);
    [[nodiscard]] std::string query(std::vector<std::pair<std::string, std::string>> pairs) const;

    Options options_;
    std::unique_ptr<Client> client_;
};

}  // namespace admin
