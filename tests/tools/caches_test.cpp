// cachemodel: the command line tool on the named caches of a JSON document.
// SPDX-License-Identifier: MIT
#include <cachemodel/caches.hpp>
#include <cachemodel/caches_json.hpp>

#include "support/redis_server.hpp"
#include "tools/shop.hpp"
#include "tools/tool.hpp"

#include "support/catch.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace cachemodel::support {

namespace {

using nlohmann::json;

/// A document in a file.
class Document {
 public:
    explicit Document(std::string text) : text_(std::move(text)) { std::ofstream{path()} << text_; }
    explicit Document(const json& document) : Document(document.dump()) {}

    std::string path() const { return (directory_.path() / "caches.json").string(); }
    const std::string& text() const noexcept { return text_; }

    Ran operator()(std::vector<std::string> words) const {
        words.insert(words.begin(), {"cachemodel", "--caches", path()});
        return run(words);
    }
    nlohmann::json json(std::vector<std::string> words) const {
        words.emplace_back("--json");
        return nlohmann::json::parse((*this)(std::move(words)).out);
    }

 private:
    TemporaryDirectory directory_;
    std::string text_;
};

std::string directory_of(const Shop& shop) {
    const std::string url = shop.url();
    return url.substr(7, url.find('?') - 7);
}

json described(const Shop& shop) {
    return {{"BACKEND", "file"}, {"LOCATION", directory_of(shop)}, {"KEY_PREFIX", "shop"}};
}

std::string all_of(const Ran& ran) { return ran.out + ran.err; }

}  // namespace

TEST_CASE("a cache is found by its name in a document", "[tools][caches]") {
    const Shop shop;
    const Document document{json{{"default", described(shop)}, {"off", "null://"}}};
    CHECK(document({"get", "greeting"}).out == "Hello, world\n");
    CHECK(document({"get", "greeting", "--name", "default"}).out == "Hello, world\n");
    CHECK(document({"get", "greeting", "--name=off"}).exit == 1);
    CHECK(document({"erase", "greeting"}).exit == 0);
    CHECK(shop.bytes("greeting").empty());
}

TEST_CASE("the document is that of --caches or of the environment, or standard input",
          "[tools][caches]") {
    const Shop shop;
    const Document document{json{{"default", described(shop)}, {"off", "null://"}}};
    const std::vector<std::string> get{"cachemodel", "get", "greeting"};
    CHECK(run(get, {{"CACHEMODEL_CACHES", document.path()}}).out == "Hello, world\n");
    CHECK(run(get, {{"CACHEMODEL_CACHES", document.path()}, {"CACHEMODEL_NAME", "off"}}).exit == 1);
    CHECK(run({"cachemodel", "get", "greeting", "--name", "default"},
              {{"CACHEMODEL_CACHES", document.path()}, {"CACHEMODEL_NAME", "off"}})
              .out == "Hello, world\n");
    CHECK(run({"sh", "-c", "cachemodel --caches - get greeting < " + document.path()}).out ==
          "Hello, world\n");
    // What is on the command line comes before the environment.
    CHECK(run({"cachemodel", "get", "greeting", "--cache", shop.url()},
              {{"CACHEMODEL_CACHES", "/nowhere"}})
              .out == "Hello, world\n");
    CHECK(run({"cachemodel", "get", "greeting", "--caches", document.path()},
              {{"CACHEMODEL_URL", "null://"}})
              .out == "Hello, world\n");
    CHECK(run({"cachemodel", "get", "greeting", "--name", "default"},
              {{"CACHEMODEL_URL", "null://"}, {"CACHEMODEL_CACHES", document.path()}})
              .out == "Hello, world\n");
    const Ran both = run(get, {{"CACHEMODEL_URL", "null://"}, {"CACHEMODEL_CACHES", "x"}});
    CHECK(both.exit == 4);
    CHECK(both.err ==
          "cachemodel: CACHEMODEL_URL and CACHEMODEL_CACHES are both set; --cache or --caches "
          "says which cache is meant\n");
    CHECK(run({"cachemodel", "help"}, {{"CACHEMODEL_URL", "x"}, {"CACHEMODEL_CACHES", "x"}}).exit ==
          0);
}

TEST_CASE("one cache is given, by a URL or by its name", "[tools][caches][usage]") {
    const auto message = [](std::vector<std::string> words, const Environment& environment) {
        words.insert(words.begin(), "cachemodel");
        const Ran ran = run(words, environment);
        CHECK(ran.exit == 2);
        CHECK(ran.out.empty());
        return ran.err;
    };
    CHECK(message({"keys", "--cache", "null://", "--caches", "x"}, {}) ==
          "cachemodel: --cache and --caches are both given, and a command is about one cache\n");
    const std::string no_document =
        "cachemodel: --name is that of a cache in a document, which --caches gives\n";
    CHECK(message({"keys", "--cache", "null://", "--name", "x"}, {}) == no_document);
    CHECK(message({"keys", "--name", "x"}, {}) == no_document);
    CHECK(message({"keys", "--name", "x"}, {{"CACHEMODEL_URL", "null://"}}) == no_document);
    CHECK(message({"keys", "--name", "x", "--name", "y"}, {}) ==
          "cachemodel: --name is given twice\n");
    CHECK(message({"keys", "--caches="}, {}) == "cachemodel: --caches needs a value\n");
    // A URL is not quoted: it may have a password.
    CHECK(message({"keys", "--caches", "redis://:horse@h"}, {}) ==
          "cachemodel: the URL of a cache follows --cache, or stands in CACHEMODEL_URL\n");
    CHECK(message({"keys", "--caches", "x", "--name", "redis://:horse@h"}, {}) ==
          "cachemodel: the URL of a cache follows --cache, or stands in CACHEMODEL_URL\n");
}

TEST_CASE("prefix, version, key function, timeout and clear are those of the document",
          "[tools][caches]") {
    const Shop shop;
    json description = described(shop);
    description.update({{"KEY_PREFIX", "other"},
                        {"VERSION", 7},
                        {"KEY_FUNCTION", "digest"},
                        {"TIMEOUT", 5400},
                        {"OPTIONS", {{"CLEAR", "forbid"}}}});
    const Document document{json{{"default", "null://"}, {"sessions", description}}};
    const std::string key(300, 'k');
    CHECK(document({"set", key, "long", "--name", "sessions"}).exit == 0);

    const ScopedCaches scope;
    configure_caches(document.text());
    const Cache cache = caches()["sessions"];
    CHECK(cache.get<std::string>(key).value_or("") == "long");
    const json entry = document.json({"dump", key, "--name", "sessions"});
    CHECK(entry.at("final_key") == cache.final_key(key));
    const double left = entry.at("remaining_seconds").get<double>();
    CHECK((left > 5300 && left <= 5400));

    const json stats = document.json({"stats", "--name", "sessions"});
    CHECK(stats.at("name") == "sessions");
    CHECK(stats.at("prefix") == "other");
    CHECK(stats.at("version") == 7);
    CHECK(stats.at("cache").get<std::string>().find("file://" + directory_of(shop)) == 0);
    CHECK(
        document({"stats", "--name", "sessions"}).out.find("name                    sessions\n") !=
        std::string::npos);

    const Ran clear = document({"clear", "--yes", "--name", "sessions"});
    CHECK(clear.exit == 5);
    CHECK(clear.err == "cachemodel: clear is forbidden: the cache has clear=forbid\n");
    CHECK(cache.get<std::string>(key).found());
    CHECK(document({"clear", "--prefix", "--yes", "--name", "sessions"}).out ==
          "removed 1 entry of the prefix \"other\"\n");
}

TEST_CASE("an unknown name lists those that the document has", "[tools][caches]") {
    const auto message = [](const std::string& text, const std::string& name) {
        const Ran ran = Document{text}({"keys", "--name", name});
        CHECK(ran.exit == 4);
        CHECK(ran.out.empty());
        return ran.err;
    };
    CHECK(message(R"({"default": "null://", "sessions": "null://"})", "sesions") ==
          "cachemodel: no cache is named \"sesions\"; the document has \"default\", "
          "\"sessions\"\n");
    CHECK(message(R"({"only": "null://"})", "default") ==
          "cachemodel: no cache is named \"default\"; the document has \"only\"\n");
    CHECK(message("{}", "default") ==
          "cachemodel: no cache is named \"default\"; the document has none\n");
}

TEST_CASE("a document that makes no sense is exit code 4, as a program is told",
          "[tools][caches][configuration]") {
    const std::vector<std::string> texts{
        "{\n \"default\": redis",
        "[]",
        "",
        R"({"default": 5})",
        R"({"default": {"BACKEND": "nosuch"}})",
        R"({"default": {"BACKEND": "null", "TIMEOUT": "soon"}})",
        R"({"default": {"BACKEND": "null", "OPTIONS": {"COLOUR": 1}}})",
        R"({"default": "null://", "default": "null://"})",
        R"({"other": "null://", "default": "null://?verison=2"})",
        "{\"default\": \"\xff\"}",
    };
    for (const auto& text : texts) {
        INFO(text);
        std::string told;
        try {
            const ScopedCaches scope;
            configure_caches(text);
        } catch (const ConfigError& error) {
            told = error.what();
        }
        REQUIRE_FALSE(told.empty());
        const Document document{text};
        const Ran ran = document({"keys"});
        CHECK(ran.exit == 4);
        CHECK(ran.out.empty());
        CHECK(ran.err == "cachemodel: " + told + '\n');
        CHECK(document.json({"keys"}).at("exit") == 4);
    }
    const Ran unread = run({"cachemodel", "keys", "--caches", "/nowhere/caches.json"});
    CHECK(unread.exit == 4);
    CHECK(unread.err ==
          "cachemodel: /nowhere/caches.json cannot be read: No such file or directory\n");
    CHECK(run({"cachemodel", "keys", "--caches", "/"}).err ==
          "cachemodel: / cannot be read: Is a directory\n");
}

TEST_CASE("another cache of the document that only its program can open is a warning",
          "[tools][caches]") {
    const Shop shop;
    const Document document{json{{"default", described(shop)}, {"own", {{"BACKEND", "tiered"}}}}};
    const Ran ran = document({"get", "greeting"});
    CHECK(ran.exit == 0);
    CHECK(ran.out == "Hello, world\n");
    CHECK(ran.err.find("cachemodel: warning: cache \"own\": BACKEND: URL scheme tiered: there is "
                       "no such backend") == 0);
    CHECK(document({"get", "greeting", "--name", "own"}).exit == 4);
}

TEST_CASE("what is wrong with other caches of the document is a warning for each",
          "[tools][caches]") {
    const Shop shop;
    const Document document{json{{"default", described(shop)},
                                 {"a", {{"BACKEND", "null"}, {"TIMEOUT", "soon"}}},
                                 {"b", 5},
                                 {"c", "null://?verison=2"},
                                 {"sound", "null://"},
                                 {"", "null://"}}};
    const Ran ran = document({"get", "greeting"});
    CHECK(ran.exit == 0);
    CHECK(ran.out == "Hello, world\n");
    const json warnings = document.json({"get", "greeting"}).at("warnings");
    REQUIRE(warnings.size() == 4);
    CHECK(warnings.at(0) == "cache \"\": the name is empty");
    CHECK(warnings.at(1).get<std::string>().find("cache \"a\": TIMEOUT=soon: expected is ") == 0);
    CHECK(warnings.at(2) == "cache \"b\": it is neither an object nor a URL");
    CHECK(warnings.at(3).get<std::string>().find("verison may be meant as version") !=
          std::string::npos);
    const Ran broken = document({"get", "greeting", "--name", "b"});
    CHECK(broken.exit == 4);
    CHECK(broken.err == "cachemodel: cache \"b\": it is neither an object nor a URL\n");

    // A name that is there twice is no fault of one cache.
    const Document twins{std::string{R"({"default": "null://", "a": "null://", "a": "null://"})"}};
    CHECK(twins({"get", "k"}).exit == 4);
    CHECK(twins({"get", "k"}).err ==
          "cachemodel: caches: the document has \"a\" twice in one object\n");
}

TEST_CASE("what a lenient cache does not understand is told once, and of that cache alone",
          "[tools][caches]") {
    const json lenient{{"BACKEND", "null"}, {"LENIENT", true}, {"OPTIONS", {{"COLOUR", "red"}}}};
    const Document document{json{{"default", lenient}, {"other", lenient}}};
    const json warnings = document.json({"stats"}).at("warnings");
    REQUIRE(warnings.size() == 1);
    CHECK(warnings.at(0).get<std::string>().find("cache \"default\": OPTIONS.COLOUR: ") == 0);
}

TEST_CASE("a named cache is never made by looking, and one in memory is refused",
          "[tools][caches]") {
    const TemporaryDirectory directory;
    const std::string path = (directory.path() / "cache").string();
    const Document document{json{{"memory", {{"BACKEND", "memory"}}},
                                 {"file", {{"BACKEND", "file"}, {"LOCATION", path}}},
                                 {"sqlite", {{"BACKEND", "sqlite"}, {"LOCATION", path}}}}};
    const Ran memory = document({"get", "k", "--name", "memory"});
    CHECK(memory.exit == 4);
    CHECK(memory.err.find("cachemodel: a cache in memory is inside of one process") == 0);
    const Ran file = document({"get", "k", "--name", "file"});
    CHECK(file.exit == 3);
    CHECK(file.err == "cachemodel: there is no directory " + path +
                          ": nothing has been stored there yet, or the path is wrong\n");
    const Ran sqlite = document({"get", "k", "--name", "sqlite"});
    CHECK(sqlite.exit == 3);
    CHECK(sqlite.err.find("auto_create") == std::string::npos);
    CHECK(std::filesystem::is_empty(directory.path()));
    CHECK(document({"create-table", "--name", "sqlite"}).exit == 0);
    CHECK(document({"get", "k", "--name", "sqlite"}).exit == 1);
    CHECK(document({"set", "k", "v", "--name", "sqlite"}).exit == 0);
    CHECK(document({"get", "k", "--name", "sqlite"}).out == "v\n");
}

TEST_CASE("a password of a document is shown nowhere", "[tools][caches][password]") {
    const RealRedis server{Transport::tcp, {"--requirepass", "correct-horse"}};
    const std::string address = "127.0.0.1:" + std::to_string(server.options().port);
    const auto redis = [&](const std::string& password) {
        return json{
            {"BACKEND", "redis"}, {"LOCATION", address}, {"OPTIONS", {{"PASSWORD", password}}}};
    };
    const Document document{json{
        {"default", redis("correct-horse")},
        {"url", "redis://:correct-horse@" + address},
        {"wrong", redis("wrong-horse")},
        {"odd", "redis://:wrong-horse@" + address + "?nothing=1"},
    }};
    for (const std::string name : {"default", "url"}) {
        INFO(name);
        CHECK(document({"set", "k", "v", "--name", name}).exit == 0);
        const Ran stats = document({"stats", "--name", name});
        CHECK(stats.exit == 0);
        CHECK(stats.out.find("redis://:***@" + address) != std::string::npos);
        CHECK(all_of(stats).find("horse") == std::string::npos);
    }
    const Ran wrong = document({"get", "k", "--name", "wrong"});
    CHECK(wrong.exit == 3);
    CHECK(all_of(wrong).find("horse") == std::string::npos);
    const Ran odd = document({"get", "k", "--name", "odd"});
    CHECK(odd.exit == 4);
    CHECK(all_of(odd).find("horse") == std::string::npos);
}

}  // namespace cachemodel::support
