#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "admin/context.h"
#include "admin/documents.h"
#include "admin/etag.h"
#include "admin/jobs.h"
#include "admin/json.h"
#include "admin/problem.h"
#include "admin/request.h"

namespace admin {

// The handlers behind the endpoints, by subject; endpoints.cc says which is which. Each answers
// exactly once, at once or when the committer is done. Admin loop only.

// zones_resource.cc
void list_zones(Context& context, const Request& request, const Respond& respond);
void create_zone(Context& context, const Request& request, const Respond& respond);
void get_zone(Context& context, const Request& request, const Respond& respond);
void patch_zone(Context& context, const Request& request, const Respond& respond);
void delete_zone(Context& context, const Request& request, const Respond& respond);
// zone_import.cc
std::unique_ptr<BodySink> put_zone(Context& context, Request request, Respond respond);
// rrsets_resource.cc
void list_rrsets(Context& context, const Request& request, const Respond& respond);
void patch_rrsets(Context& context, const Request& request, const Respond& respond);
void get_rrset(Context& context, const Request& request, const Respond& respond);
void put_rrset(Context& context, const Request& request, const Respond& respond);
void delete_rrset(Context& context, const Request& request, const Respond& respond);
// policies_resource.cc
void list_policies(Context& context, const Request& request, const Respond& respond);
void get_policy(Context& context, const Request& request, const Respond& respond);
void put_policy(Context& context, const Request& request, const Respond& respond);
void delete_policy(Context& context, const Request& request, const Respond& respond);
// documents_resource.cc: views, networks, maps, pools, monitors
void list_documents(Context& context, const Request& request, const Respond& respond);
void create_document(Context& context, const Request& request, const Respond& respond);
void get_document(Context& context, const Request& request, const Respond& respond);
void put_document(Context& context, const Request& request, const Respond& respond);
void patch_document(Context& context, const Request& request, const Respond& respond);
void delete_document(Context& context, const Request& request, const Respond& respond);
// members_resource.cc: of pools
void get_member(Context& context, const Request& request, const Respond& respond);
void put_member(Context& context, const Request& request, const Respond& respond);  // PATCH too
void delete_member(Context& context, const Request& request, const Respond& respond);
// tokens_resource.cc
void list_tokens(Context& context, const Request& request, const Respond& respond);
void create_token(Context& context, const Request& request, const Respond& respond);
void get_token(Context& context, const Request& request, const Respond& respond);
void put_token(Context& context, const Request& request, const Respond& respond);
void patch_token(Context& context, const Request& request, const Respond& respond);
void delete_token(Context& context, const Request& request, const Respond& respond);
// keys_resource.cc
void list_keys(Context& context, const Request& request, const Respond& respond);
void create_key(Context& context, const Request& request, const Respond& respond);
void get_key(Context& context, const Request& request, const Respond& respond);
void put_key(Context& context, const Request& request, const Respond& respond);
void patch_key(Context& context, const Request& request, const Respond& respond);
void delete_key(Context& context, const Request& request, const Respond& respond);
// audit_resource.cc
void list_audit(Context& context, const Request& request, const Respond& respond);
// changes_resource.cc
void list_changes(Context& context, const Request& request, const Respond& respond);
void get_change(Context& context, const Request& request, const Respond& respond);
// change_set_resource.cc
void create_change(Context& context, const Request& request, const Respond& respond);
// history_resource.cc
void get_zone_diff(Context& context, const Request& request, const Respond& respond);
void revert_change(Context& context, const Request& request, const Respond& respond);
void revert_zone(Context& context, const Request& request, const Respond& respond);
// stats_resource.cc
void get_stats(Context& context, const Request& request, const Respond& respond);
// jobs_resource.cc
void list_jobs(Context& context, const Request& request, const Respond& respond);
void get_job(Context& context, const Request& request, const Respond& respond);
void delete_job(Context& context, const Request& request, const Respond& respond);
// server_resource.cc
void get_server(Context& context, const Request& request, const Respond& respond);
void get_cache(Context& context, const Request& request, const Respond& respond);
void delete_cache(Context& context, const Request& request, const Respond& respond);
void get_liveness(Context& context, const Request& request, const Respond& respond);
void get_readiness(Context& context, const Request& request, const Respond& respond);
// backup_resource.cc
void create_backup(Context& context, const Request& request, const Respond& respond);
// dump_resource.cc
void get_dump(Context& context, const Request& request, const Respond& respond);
// metrics.cc
void get_metrics(Context& context, const Request& request, const Respond& respond);
// session_resource.cc
void create_session(Context& context, const Request& request, const Respond& respond);
void get_session(Context& context, const Request& request, const Respond& respond);
void delete_session(Context& context, const Request& request, const Respond& respond);
void follow_login_link(Context& context, const Request& request, const Respond& respond);
// page.cc: what is embedded
void get_page(Context& context, const Request& request, const Respond& respond);
void get_openapi(Context& context, const Request& request, const Respond& respond);
// debug_resource.cc: with admin.diagnostics
void get_debug_blob(Context& context, const Request& request, const Respond& respond);
std::unique_ptr<net::HttpStream> take_debug_echo(Context& context, Request request,
                                                 net::HttpExchange& exchange);
std::unique_ptr<net::HttpStream> take_debug_websocket(Context& context, Request request,
                                                      net::HttpExchange& exchange);
// feed_resource.cc
/// The answer of an endpoint that has taken the exchange; nothing of the request's body is wanted.
std::unique_ptr<net::HttpStream> answer_taken(Context& context, net::HttpExchange& exchange,
                                              const Request& request, Reply reply);
std::unique_ptr<net::HttpStream> take_feed(Context& context, Request request,
                                           net::HttpExchange& exchange);

// What several of them need.

/// The body as JSON, or the 400 that says where it is not.
[[nodiscard]] base::Result<Json, Reply> parse_body(const Request& request);

/// "182"; nothing if it is no number that fits.
[[nodiscard]] std::optional<zones::Revision> parse_revision(std::string_view text);

/// How long the client is willing to wait (?wait=SECONDS); none without it. The error is a 422.
[[nodiscard]] base::Result<std::chrono::milliseconds, Reply> wait_of(const Request& request,
                                                                     std::chrono::seconds longest);

/// 410: what is asked for lies before the oldest revision whose change is kept.
[[nodiscard]] Reply history_gone(zones::Revision oldest);

/// A representation with its ETag: 304 without it where If-None-Match allows.
[[nodiscard]] Reply representation(const Request& request, const Json& document,
                                   zones::Revision revision, std::string_view mark = "j");

/// The answer to a write that was made: Meridian-Revision, warnings, `old_answer_until` where
/// `old_ttl_s` says how long resolvers may have kept the old answer. A dry run answers 200 with
/// what would have happened: the operations as GET /v1/changes/{revision} shows them.
[[nodiscard]] Reply written(const zones::Committed& committed, int status, Json document,
                            std::optional<std::uint32_t> old_ttl_s, bool dry_run);

/// Submits what removes the resource of the request, and answers 204, or what a dry run says.
void submit_removal(Context& context, const Request& request, zones::Operation operation,
                    const Respond& respond);

/// The same where answers go with it, and it is known how long resolvers may keep them: answers 200
/// with `written`.
void submit_deletion(Context& context, Submission submission, zones::Operation operation,
                     std::optional<std::uint32_t> old_ttl_s, const Respond& respond);

/// All documents of a kind in one page, each as `show` gives it, with its revision.
[[nodiscard]] Reply list_stored(
    Context& context, std::string_view kind,
    const std::function<base::Result<Json>(const zones::DocumentInfo&)>& show);

/// Submits a change set of several resources or a revert, and answers with its revision.
/// `pointers`: as problem() takes them.
void submit_change_set(Context& context, Submission submission,
                       std::vector<zones::Operation> operations, std::vector<std::string> pointers,
                       const Respond& respond);

// The bodies of writes as operations; `pointer` says where a body stands in the request.

/// One element of a PATCH of RRsets. Names no faults when it gives an operation.
[[nodiscard]] std::optional<zones::Operation> parse_rrset_operation(const Json& element,
                                                                    const dns::Name& zone,
                                                                    const std::string& default_view,
                                                                    const std::string& pointer,
                                                                    Faults& faults);
/// The properties of a PATCH of a zone.
[[nodiscard]] zones::PutZone parse_zone_properties(const Json& body, const dns::Name& zone,
                                                   const std::string& pointer, Faults& faults);
/// A policy's document as it is stored. Name and type may be said again, but not differently.
[[nodiscard]] Json parse_policy(const Json& body, const dns::Name& zone, const dns::Name& name,
                                const std::string& type, const std::string& pointer,
                                Faults& faults);
/// The same of a view, network, map, pool or monitor (`kind`).
[[nodiscard]] Json parse_document(const Json& body, std::string_view kind, const std::string& id,
                                  const std::string& pointer, Faults& faults);

/// The id of a key's document: its name, absolute and in lower case; as it is if it is no name.
[[nodiscard]] std::string key_id(const std::string& name);

/// A JSON merge patch (RFC 7396): members of `patch` replace those of `target`, null removes them.
[[nodiscard]] Json merge_patch(const Json& target, const Json& patch);

/// 202 with where to ask for the job.
[[nodiscard]] Reply job_accepted(const Jobs::Job& job);

/// 403: the principal may not do this.
[[nodiscard]] Reply forbidden(const Request& request, std::string_view what);

/// One page of a listing.
struct Page {
    std::shared_ptr<zones::StoreReader> reader;
    std::string id;        // of the cursor that pins the reader; empty on the first page
    std::string position;  // where the page before ended; empty at the start
    std::size_t limit = 0;
};
inline constexpr std::size_t kPageDefault = 100;
inline constexpr std::size_t kPageMax = 1000;
/// Reads ?cursor= and ?limit=. The error is a 410 or 422 to send.
[[nodiscard]] base::Result<Page, Reply> open_page(Context& context, const Request& request);
/// {"items": [...], "revision": N, "next": URL or null}, with Link. `next_position`: where this
/// page ended; empty when it was the last.
[[nodiscard]] Reply page_reply(Context& context, const Request& request, Page page, Json items,
                               const std::string& next_position);

/// "1 www.example.com.": where a page of RRsets ended.
[[nodiscard]] std::string format_position(const zones::StoreReader::Position& position);
[[nodiscard]] std::optional<zones::StoreReader::Position> parse_position(const std::string& text);

/// The zone of the path: 404 when there is none, 422 when it is no name, 503 when it cannot be
/// read.
[[nodiscard]] base::Result<zones::ZoneInfo, Reply> zone_of(zones::StoreReader& reader,
                                                           const Request& request);
/// How long a resolver may keep what (name, type) answered before a write: the RRset's TTL, or
/// the negative TTL of the zone (RFC 2308, 5).
[[nodiscard]] std::optional<std::uint32_t> old_ttl(zones::StoreReader& reader,
                                                   const dns::Name& zone, std::string_view view,
                                                   const dns::Name& name, dns::RRType type);
/// The same of all that a zone has answered from its own data and overlays of these views: the
/// longest TTL. Nothing where there is no zone, or one of more than 100,000 RRsets. Takes a while:
/// not for the loop.
[[nodiscard]] std::optional<std::uint32_t> longest_ttl(zones::StoreReader& reader,
                                                       const dns::Name& zone,
                                                       std::set<std::string> views);

}  // namespace admin
