// cachemodel: the command line tool prints what the documents show, and the manual page knows it
// all. SPDX-License-Identifier: MIT
#include "tools/shop.hpp"
#include "tools/tool.hpp"

#include "support/catch.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <string>

namespace cachemodel::support {

namespace {

std::string content(const std::filesystem::path& path) {
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

const std::filesystem::path tests{CACHEMODEL_TESTS_DIRECTORY};

/// Runs the lines of a session that begin with `$ `, and writes the session again.
std::string run_again(const Shop& shop, const std::string& session) {
    std::ofstream{shop.directory() + "/caches.json"} << R"({
  "default": "redis://10.0.0.1/0?key_prefix=shop",
  "files": {"BACKEND": "file", "LOCATION": ")" << shop.directory()
                                                     << R"(/shop", "KEY_PREFIX": "shop"}
}
)";
    std::istringstream lines{session};
    std::string again;
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("$ ")) continue;
        // As a person sees it, in the order in which it is written.
        const Ran ran =
            run({"sh", "-c", "exec 2>&1; cd " + shop.directory() + "; " + line.substr(2)},
                {{"CACHEMODEL_URL", shop.url()}});
        again += line + '\n' + shop.as_documented(ran.out);
    }
    return again;
}

void check_session(const std::string& name, const Shop& shop = {}) {
    const std::string session = content(tests / "tools" / (name + ".output"));
    REQUIRE_FALSE(session.empty());
    CHECK(run_again(shop, session) == session);
}

}  // namespace

TEST_CASE("values, keys and entries look as documented", "[tools][output]") {
    check_session("look");
}
TEST_CASE("entries without a value, and those that are over, look as documented",
          "[tools][output]") {
    const Shop shop;
    shop.put_parcels();
    check_session("loads", shop);
}
TEST_CASE("changes look as documented", "[tools][output]") { check_session("change"); }
TEST_CASE("named caches look as documented", "[tools][output]") { check_session("named"); }
TEST_CASE("--json looks as documented", "[tools][output]") { check_session("json"); }
TEST_CASE("help is this text", "[tools][output]") { check_session("help"); }

TEST_CASE("the manual page has every command and option of the help, which is 80 columns wide",
          "[tools][manual]") {
    std::string manual = content(tests.parent_path() / "tools" / "cachemodel.1");
    REQUIRE_FALSE(manual.empty());
    std::string plain;
    for (const char c : manual) {
        if (c != '\\') plain += c;
    }
    const std::string help = content(tests / "tools" / "help.output");
    const std::regex option{"--[a-z]+"};
    std::size_t options = 0;
    for (std::sregex_iterator found{help.begin(), help.end(), option}, end; found != end; ++found) {
        INFO(found->str());
        CHECK(plain.find(found->str()) != std::string::npos);
        ++options;
    }
    CHECK(options > 20);
    std::istringstream lines{help};
    for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 80);
    for (const std::string command : {"get", "keys", "dump", "erase", "touch", "set", "clear",
                                      "create-table", "stats", "help", "version"}) {
        INFO(command);
        CHECK(help.find("usage: cachemodel " + command) != std::string::npos);
        const bool is_item = plain.find("\n.BR " + command + " \"") != std::string::npos ||
                             plain.find("\n.B " + command + "\n") != std::string::npos;
        CHECK(is_item);
    }
    for (const std::string variable :
         {"CACHEMODEL_URL", "CACHEMODEL_CACHES", "CACHEMODEL_NAME", "NO_COLOR"}) {
        CHECK(plain.find("\n.TP\n.B " + variable + "\n") != std::string::npos);
    }
    for (const std::string code : {"0", "1", "2", "3", "4", "5", "130"}) {
        CHECK(plain.find("\n.TP\n.B " + code + "\n") != std::string::npos);
    }
}

}  // namespace cachemodel::support
