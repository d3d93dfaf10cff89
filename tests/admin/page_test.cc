#include "admin/page.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <string>

#include "admin/router.h"

namespace admin {
namespace {

std::string content(const char* name) {
    const EmbeddedFile* file = find_embedded(name);
    return file == nullptr ? std::string() : std::string(file->content);
}

TEST(Page, IsEmbeddedOctetForOctet) {
    for (const char* name : {"page/index.html", "page/page.js", "page/page.css", "openapi.json"}) {
        std::ifstream file(std::string(MERIDIAN_SOURCE_DIR) + "/admin/" + name, std::ios::binary);
        const std::string text(std::istreambuf_iterator<char>(file), {});
        const std::string base = std::string(name).substr(std::string(name).find('/') + 1);
        EXPECT_FALSE(text.empty()) << name;
        EXPECT_EQ(content(base.c_str()), text) << name;
    }
    EXPECT_EQ(find_embedded("passwd"), nullptr);
}

// The policy forbids what the page must therefore not need.
TEST(Page, KeepsItsContentSecurityPolicy) {
    const std::string html = content("index.html");
    EXPECT_FALSE(std::regex_search(html, std::regex("<script(?![^>]*\\ssrc=)")));
    EXPECT_FALSE(std::regex_search(html, std::regex("\\son[a-z]+\\s*=")));
    EXPECT_FALSE(std::regex_search(html, std::regex("\\sstyle\\s*=|<style")));
    EXPECT_FALSE(std::regex_search(html, std::regex("https?://")));
    EXPECT_EQ(kContentSecurityPolicy.find("unsafe"), std::string_view::npos);
    EXPECT_EQ(kContentSecurityPolicy.find('*'), std::string_view::npos);
    EXPECT_NE(kContentSecurityPolicy.find("default-src 'none'"), std::string_view::npos);
    EXPECT_NE(kContentSecurityPolicy.find("frame-ancestors 'none'"), std::string_view::npos);
    // Names in queries come from strangers: text, never markup.
    const std::string script = content("page.js");
    for (const char* dangerous : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write",
                                  "eval(", "new Function"}) {
        EXPECT_EQ(script.find(dangerous), std::string::npos) << dangerous;
    }
}

TEST(Page, RefersOnlyToWhatIsServed) {
    const std::string html = content("index.html");
    const std::regex reference("(?:src|href)=\"([^\"]+)\"");
    for (std::sregex_iterator at(html.begin(), html.end(), reference), end; at != end; ++at) {
        const Match found = match((*at)[1].str());
        EXPECT_NE(found.find("GET"), nullptr) << (*at)[1];
    }
    const std::string script = content("page.js");
    const std::regex fetched("fetch\\(\"([^\"]+)\"");
    for (std::sregex_iterator at(script.begin(), script.end(), fetched), end; at != end; ++at) {
        EXPECT_FALSE(match((*at)[1].str()).methods.empty()) << (*at)[1];
    }
    // Every element the script looks up is there.
    const std::regex looked("byId\\(\"([^\"]+)\"\\)");
    for (std::sregex_iterator at(script.begin(), script.end(), looked), end; at != end; ++at) {
        EXPECT_NE(html.find("id=\"" + (*at)[1].str() + '"'), std::string::npos) << (*at)[1];
    }
}

TEST(Page, WorksInLightAndDarkAndSmall) {
    EXPECT_NE(content("index.html").find("width=device-width"), std::string::npos);
    EXPECT_NE(content("page.css").find("prefers-color-scheme: dark"), std::string::npos);
    EXPECT_NE(content("page.css").find(":focus-visible"), std::string::npos);
    // Every input has its label.
    const std::string html = content("index.html");
    const std::regex input("<input id=\"([^\"]+)\"");
    for (std::sregex_iterator at(html.begin(), html.end(), input), end; at != end; ++at) {
        EXPECT_NE(html.find("<label for=\"" + (*at)[1].str()), std::string::npos) << (*at)[1];
    }
}

}  // namespace
}  // namespace admin
