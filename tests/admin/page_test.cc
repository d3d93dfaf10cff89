#include "admin/page.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "admin/router.h"

namespace admin {
namespace {

std::string content(const char* name) {
    const EmbeddedFile* file = find_embedded(name);
    return file == nullptr ? std::string() : std::string(file->content);
}

// What stands between each `before` and the next `after`. (Not <regex>: with the sanitizers GCC 12
// takes its insides for uses of what was never set.)
std::vector<std::string> all_between(std::string_view text, std::string_view before,
                                     std::string_view after) {
    std::vector<std::string> out;
    for (std::size_t at = text.find(before); at != std::string_view::npos;
         at = text.find(before, at + 1)) {
        const std::size_t start = at + before.size();
        out.emplace_back(text.substr(start, text.find(after, start) - start));
    }
    return out;
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
    for (const std::string& tag : all_between(html, "<script", ">")) {
        EXPECT_TRUE(tag.starts_with(" src=\"/")) << tag;
    }
    for (const char* inlined : {"<style", " style=", " onclick", " onload", " onsubmit", " onerror",
                                "javascript:", "http://", "https://"}) {
        EXPECT_EQ(html.find(inlined), std::string::npos) << inlined;
    }
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
    for (const char* attribute : {"src=\"", "href=\""}) {
        for (const std::string& target : all_between(html, attribute, "\"")) {
            EXPECT_NE(match(target).find("GET"), nullptr) << target;
        }
    }
    const std::string script = content("page.js");
    for (const std::string& target : all_between(script, "fetch(\"", "\"")) {
        EXPECT_FALSE(match(target).methods.empty()) << target;
    }
    // Every element the script looks up is there.
    const auto looked_up = all_between(script, "byId(\"", "\"");
    EXPECT_FALSE(looked_up.empty());
    for (const std::string& id : looked_up) {
        EXPECT_NE(html.find("id=\"" + id + '"'), std::string::npos) << id;
    }
}

TEST(Page, WorksInLightAndDarkAndSmall) {
    EXPECT_NE(content("index.html").find("width=device-width"), std::string::npos);
    EXPECT_NE(content("page.css").find("prefers-color-scheme: dark"), std::string::npos);
    EXPECT_NE(content("page.css").find(":focus-visible"), std::string::npos);
    // Every input has its label.
    const std::string html = content("index.html");
    for (const std::string& id : all_between(html, "<input id=\"", "\"")) {
        EXPECT_NE(html.find("<label for=\"" + id + '"'), std::string::npos) << id;
    }
}

}  // namespace
}  // namespace admin
