// zone check: a master file against the rules, without a server.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "admin/client_commands.h"
#include "admin/import_jobs.h"
#include "dns/types.h"
#include "zones/zone_file_check.h"

namespace admin {

namespace {

constexpr std::size_t kPieceOctets = std::size_t{64} << 10;
std::string counted(std::uint64_t count, const char* what) {
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

Json json_of(const zones::ZoneFileCheck::Found& found) {
    Json out = Json::object();
    out.set("file", found.file);
    out.set("line", found.finding.line != 0 ? Json(found.finding.line) : Json());
    out.set("severity",
            found.finding.severity == zones::Finding::Severity::Error ? "error" : "warning");
    if (found.of_zone) {
        out.set("name", found.finding.owner.to_text());
        const bool of_rrset = found.finding.type != dns::RRType{};
        out.set("type", of_rrset ? Json(dns::to_text(found.finding.type)) : Json());
    }
    out.set("message", found.finding.message);
    return out;
}

}  // namespace

int ClientCommands::zone_check(const std::string& zone, const std::string& file) {
    const auto apex = dns::Name::parse(zone);
    if (!apex) return complain(zone + ": " + apex.error().message);
    std::ifstream opened;
    if (file != "-") opened.open(file, std::ios::binary);
    std::istream& in = file == "-" ? std::cin : opened;
    if (!in || (file != "-" && std::filesystem::is_directory(file))) {
        return complain(file + ": cannot be read");
    }
    Json findings = Json::array();
    zones::ZoneFileCheck check(*apex, file == "-" ? "standard input" : file, included_files(),
                               [this, &findings](const zones::ZoneFileCheck::Found& found) {
                                   if (options_.json) {
                                       findings.push(json_of(found));
                                   } else {
                                       std::cout << found.to_text() << '\n';
                                   }
                               });
    std::string piece(kPieceOctets, '\0');
    while (in) {
        in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
        check.feed(base::as_octets({piece.data(), static_cast<std::size_t>(in.gcount())}));
    }
    if (in.bad()) return complain(file + ": cannot be read");
    const zones::ZoneFileCheck::Summary summary = check.finish();
    const std::string text = apex->to_text() + ": " + counted(summary.records, "record") + ", " +
                             counted(summary.errors, "error") + ", " +
                             counted(summary.warnings, "warning");
    if (options_.json) {
        Json out = Json::object();
        out.set("zone", apex->to_text());
        out.set("records", summary.records);
        out.set("errors", summary.errors);
        out.set("warnings", summary.warnings);
        out.set("findings", std::move(findings));
        std::cout << out.dump() << std::endl;
    } else if (summary.errors == 0) {
        std::cout << text << std::endl;
    }
    std::cout.flush();
    return summary.errors == 0 ? 0 : complain(file + ": " + text);
}

}  // namespace admin
