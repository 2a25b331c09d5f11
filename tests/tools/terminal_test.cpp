// cachemodel: the command line tool on a terminal: questions, colours, control characters.
// SPDX-License-Identifier: MIT
#include "support/memcached_server.hpp"
#include "support/process.hpp"
#include "tools/shop.hpp"
#include "tools/tool.hpp"

#include "support/catch.hpp"

#include <fstream>
#include <string>

namespace cachemodel::support {

namespace {

Environment on(const std::string& url) { return {{"CACHEMODEL_URL", url}}; }

Cache opened(const RealMemcached& server) { return Cache::open(server.url() + "?key_prefix=shop"); }

}  // namespace

TEST_CASE("clear names the cache, and empties it after yes", "[tools][clear]") {
    const RealMemcached server;
    opened(server).set("greeting", "hello");
    Terminal terminal{{"cachemodel", "clear"}, on(server.url() + "?key_prefix=shop")};
    REQUIRE(terminal.shows("Type yes to go on: "));
    CHECK(terminal.shown() ==
          "This empties " + server.url() +
              "?key_prefix=shop\r\n"
              "Every entry of every program that uses it goes, not only those of the prefix "
              "\"shop\".\r\n"
              "Type yes to go on: ");
    terminal.type("yes\n");
    CHECK(terminal.end() == 0);
    CHECK(opened(server).get<std::string>("greeting").absent());
}

TEST_CASE("clear names the cache of a document, and no prefix that is empty",
          "[tools][clear][caches]") {
    const RealMemcached server;
    const TemporaryDirectory directory;
    const std::string path = (directory.path() / "caches.json").string();
    std::ofstream{path} << R"({"sessions": ")" << server.url() << R"("})";
    Terminal terminal{{"cachemodel", "clear", "--caches", path, "--name", "sessions"}};
    REQUIRE(terminal.shows("Type yes to go on: "));
    CHECK(terminal.shown() == "This empties the cache \"sessions\", " + server.url() +
                                  "\r\nEvery entry of every program that uses it goes.\r\n"
                                  "Type yes to go on: ");
    terminal.type("no\n");
    CHECK(terminal.end() == 5);
}

TEST_CASE("clear keeps everything after any other answer", "[tools][clear]") {
    const RealMemcached server;
    opened(server).set("greeting", "hello");
    // Nothing but the end of input is the fourth.
    for (const std::string answer : {"y\n", "\n", "YES\n", "\x04"}) {
        INFO(answer);
        Terminal terminal{{"cachemodel", "clear"}, on(server.url())};
        REQUIRE(terminal.shows("Type yes to go on: "));
        terminal.type(answer);
        CHECK(terminal.end() == 5);
        CHECK(terminal.shown().find("cachemodel: nothing was removed") != std::string::npos);
    }
    CHECK(opened(server).get<std::string>("greeting").found());
}

TEST_CASE("Ctrl-C at the question of clear keeps everything", "[tools][clear]") {
    const RealMemcached server;
    opened(server).set("greeting", "hello");
    Terminal terminal{{"cachemodel", "clear"}, on(server.url())};
    REQUIRE(terminal.shows("Type yes to go on: "));
    terminal.type("\x03");
    CHECK(terminal.end() == 130);
    CHECK(opened(server).get<std::string>("greeting").found());
}

TEST_CASE("keys says on a terminal that there are none, and nothing into a pipe", "[tools][keys]") {
    const Shop shop;
    Terminal none{{"cachemodel", "keys", "zebra"}, on(shop.url())};
    CHECK(none.end() == 0);
    CHECK(none.shown() == "cachemodel: no key begins with shop:1:zebra\r\n");
    Terminal document{{"cachemodel", "keys", "zebra", "--json"}, on(shop.url())};
    CHECK(document.end() == 0);
    CHECK(document.shown().find("no key begins") == std::string::npos);
    const Ran piped = Tool{shop.url()}({"keys", "zebra"});
    CHECK(piped.out.empty());
    CHECK(piped.err.empty());
}

TEST_CASE("clear --yes does not ask, and --prefix says what it removes", "[tools][clear]") {
    const Shop shop;
    Terminal asked{{"cachemodel", "clear", "--prefix"}, on(shop.url())};
    REQUIRE(asked.shows("Type yes to go on: "));
    CHECK(shop.as_documented(asked.shown()) ==
          "This removes the entries of the prefix \"shop\", of all versions, from "
          "file:///var/cache/shop?key_prefix=shop\r\nType yes to go on: ");
    asked.type("no\n");
    CHECK(asked.end() == 5);

    Terminal told{{"cachemodel", "clear", "--prefix", "--yes"}, on(shop.url())};
    CHECK(told.end() == 0);
    CHECK(told.shown() == "removed 7 entries of the prefix \"shop\"\r\n");
}

TEST_CASE("a terminal has colours, unless it is told not to", "[tools][colours]") {
    const Shop shop;
    const std::string green = "\033[32mright\033[0m";
    auto environment = on(shop.url());
    const auto shown = [&] {
        Terminal terminal{{"cachemodel", "dump", "greeting"}, environment};
        CHECK(terminal.end() == 0);
        return terminal.shown();
    };
    CHECK(shown().find(green) != std::string::npos);
    environment.emplace_back("NO_COLOR", "");
    CHECK(shown().find(green) != std::string::npos);
    environment.back() = {"NO_COLOR", "1"};
    CHECK(shown().find('\033') == std::string::npos);
    CHECK(shown().find("checksum      right") != std::string::npos);
    environment.back() = {"TERM", "dumb"};
    CHECK(shown().find('\033') == std::string::npos);
}

TEST_CASE("no control character of a value reaches a terminal, and all of them a pipe",
          "[tools][escapes]") {
    const Shop shop;
    const std::string evil = "a\033[2J\x07\xc2\x9b\xe2\x80\xae\xff\x7f b\\c\tTab\nLine";
    shop.cache().set("evil", evil, never);
    shop.cache().set("evils", std::vector<std::string>{"\033[2J", "\x7f", "\xc3\xa4"}, never);

    Terminal terminal{{"cachemodel", "get", "evil"}, on(shop.url())};
    CHECK(terminal.end() == 0);
    CHECK(terminal.shown() ==
          "a\\x1b[2J\\x07\\xc2\\x9b\\xe2\\x80\\xae\\xff\\x7f b\\c\tTab\r\nLine\r\n");
    CHECK(Tool{shop.url()}({"get", "evil"}).out == evil + '\n');

    Terminal document{{"cachemodel", "get", "evils"}, on(shop.url())};
    CHECK(document.end() == 0);
    CHECK(document.shown() ==
          "[\r\n  \"\\u001b[2J\",\r\n  \"\\u007f\",\r\n  \"\xc3\xa4\"\r\n]\r\n");

    Terminal raw{{"cachemodel", "get", "--raw", "evil"}, on(shop.url())};
    CHECK(raw.end() == 0);
    CHECK(raw.shown().find('\033') == std::string::npos);
    CHECK(raw.shown().find("\\xcaM\\x01\\x00") == 0);
}

TEST_CASE("no control character of a key or a message reaches a terminal or a pipe",
          "[tools][escapes]") {
    const Shop shop;
    const std::string key = "\033[31mred\\\n";
    Terminal terminal{{"cachemodel", "get", key}, on(shop.url())};
    CHECK(terminal.end() == 1);
    CHECK(terminal.shown().find('\033') == std::string::npos);
    CHECK(terminal.shown().find("cachemodel: \\x1b[31mred\\\\\\x0a: nothing is stored") == 0);

    const TemporaryDirectory directory;
    const std::string url = "file://" + (directory.path() / "\xc2\x9b").string();
    CHECK(Tool{url}({"set", "k", "v"}).exit == 0);
    Terminal stats{{"cachemodel", "stats"}, on(url)};
    CHECK(stats.end() == 0);
    CHECK(stats.shown().find("\xc2\x9b") == std::string::npos);
    CHECK(stats.shown().find("/\\xc2\\x9b\r\n") != std::string::npos);

    const Tool tool{shop.url()};
    CHECK(tool({"set", key, "value"}).out == "stored \\x1b[31mred\\\\\\x0a\n");
    CHECK(tool({"keys", "\033"}).out == "\\x1b[31mred\\\\\\x0a\n");
    CHECK(tool({"get", "--escaped", "\\x1b[31mred\\\\\\x0a"}).out == "value\n");
}

}  // namespace cachemodel::support
