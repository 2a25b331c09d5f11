// cachemodel: how the command line tool fails: exit codes, messages, deadlines, passwords.
// SPDX-License-Identifier: MIT
#include "support/in_time.hpp"
#include "support/memcached_server.hpp"
#include "support/redis_server.hpp"
#include "tools/shop.hpp"
#include "tools/tool.hpp"

#include "support/catch.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace cachemodel::support {

namespace {

using nlohmann::json;

/// All that was written, to wherever.
std::string all_of(const Ran& ran) { return ran.out + ran.err; }

const std::vector<std::vector<std::string>> commands{
    {"get", "k"},
    {"keys"},
    {"dump", "k"},
    {"erase", "k"},
    {"touch", "k", "5"},
    {"set", "k", "v"},
    {"clear", "--yes"},
    {"stats"},
    {"clear", "--prefix", "--yes"},
};

}  // namespace

TEST_CASE("wrong usage is exit code 2 and one line", "[tools][usage]") {
    const Shop shop;
    const Tool tool{shop.url()};
    const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
        {{}, "a command is missing; cachemodel help lists them"},
        {{""}, "the command is empty"},
        {{"look"}, "there is no command look; cachemodel help lists them"},
        {{"del", "k"}, "there is no command del; did you mean erase? cachemodel help lists them"},
        {{"delete", "k"},
         "there is no command delete; did you mean erase? cachemodel help lists them"},
        {{"rm", "k"}, "there is no command rm; did you mean erase? cachemodel help lists them"},
        {{"remove", "k"},
         "there is no command remove; did you mean erase? cachemodel help lists them"},
        {{"ls"}, "there is no command ls; did you mean keys? cachemodel help lists them"},
        {{"list"}, "there is no command list; did you mean keys? cachemodel help lists them"},
        {{"flush"}, "there is no command flush; did you mean clear? cachemodel help lists them"},
        {{"flush_all"},
         "there is no command flush_all; did you mean clear? cachemodel help lists them"},
        {{"FLUSHALL"},
         "there is no command FLUSHALL; did you mean clear? cachemodel help lists them"},
        {{"info"}, "there is no command info; did you mean stats? cachemodel help lists them"},
        {{"put", "k", "v"},
         "there is no command put; did you mean set? cachemodel help lists them"},
        {{"show", "k"},
         "there is no command show; did you mean get or dump? cachemodel help lists them"},
        {{"nosuch"}, "there is no command nosuch; cachemodel help lists them"},
        {{"clear", "all"}, "the usage is: cachemodel clear [--prefix] [--yes]"},
        {{"erase", "-x"},
         "there is no option -x; cachemodel help lists them, and after -- nothing is one"},
        {{"set", "--integer", "k", "-5"},
         "there is no option -5; cachemodel help lists them, and after -- nothing is one"},
        {{"get-table"}, "there is no command get-table; cachemodel help lists them"},
        {{"gte", "k"}, "there is no command gte; did you mean get? cachemodel help lists them"},
        {{"bet", "k"},
         "there is no command bet; did you mean get or set? cachemodel help lists them"},
        {{"Keys"}, "there is no command Keys; did you mean keys? cachemodel help lists them"},
        {{"create"},
         "there is no command create; did you mean create-table? cachemodel help lists them"},
        {{"help", "statts"},
         "there is no command statts; did you mean stats? cachemodel help lists them"},
        {{"get"}, "the usage is: cachemodel get KEY..."},
        {{"dump", "a", "b"}, "the usage is: cachemodel dump KEY"},
        {{"get", "--loud", "a"}, "there is no option --loud; cachemodel help lists them"},
        {{"get", "--limit", "3", "a"},
         "get has no option --limit; cachemodel help get lists its options"},
        {{"keys", "--limit", "0"}, "--limit: expected is a whole number from 1"},
        {{"keys", "--limit"}, "--limit needs a value"},
        {{"keys", "--json=yes"}, "--json takes no value"},
        {{"get", "--escaped", "a\\n"},
         "with --escaped a backslash is followed by another one, or by x and two hexadecimal "
         "digits"},
        {{"get", "--final", ""}, "the final key is empty"},
        {{"help", "look"}, "there is no command look; cachemodel help lists them"},
        {{"get", "a", "--cache", "null://", "--cache=null://"}, "--cache is given twice"},
        {{"keys", "--limit", "1", "--limit", "2"}, "--limit is given twice"},
        {{"create-table", "a"}, "the usage is: cachemodel create-table [--dry-run]"},
    };
    for (const auto& [words, message] : cases) {
        INFO(message);
        const Ran ran = tool(words);
        CHECK(ran.exit == 2);
        CHECK(ran.out.empty());
        CHECK(ran.err == "cachemodel: " + message + '\n');
    }
}

TEST_CASE("options stand anywhere, and nothing is one after two hyphens", "[tools][usage]") {
    const Shop shop;
    const Tool tool{"null://"};
    CHECK(tool({"--cache", shop.url(), "get", "greeting"}).out == "Hello, world\n");
    CHECK(tool({"get", "greeting", "--cache=" + shop.url()}).out == "Hello, world\n");
    CHECK(tool({"--json", "get", "greeting"}).exit == 1);
    CHECK(Tool{shop.url()}({"set", "--", "--raw", "-"}).exit == 0);
    CHECK(Tool{shop.url()}({"get", "--", "--raw"}).out == "-\n");
}

TEST_CASE("a URL that makes no sense, or none at all, is exit code 4", "[tools][configuration]") {
    const auto message = [](const std::string& url) {
        const Ran ran = Tool{url}({"get", "k"});
        CHECK(ran.exit == 4);
        CHECK(ran.out.empty());
        return ran.err;
    };
    CHECK(message("") ==
          "cachemodel: which cache? give --cache URL, or set CACHEMODEL_URL, to a URL such as "
          "memcached://127.0.0.1:11211; or give --caches FILE with named caches\n");
    CHECK(
        message("memory://") ==
        "cachemodel: a cache in memory is inside of one process, and nobody sees that of another; "
        "this program would only ever see its own, which is empty\n");
    CHECK(message("sqlite:///:memory:") == message("memory://"));
    CHECK(message("null://?verison=2").find("verison may be meant as version") !=
          std::string::npos);
    CHECK(message("nosuch://").find("there is no such backend") != std::string::npos);
    CHECK(run({"cachemodel", "stats"}).exit == 4);
    for (const std::string url : {"caches.json", "127.0.0.1:6379"}) {
        CHECK(message(url) ==
              "cachemodel: the URL of a cache begins with its scheme, such as redis://; a document "
              "of named caches is given with --caches\n");
    }
}

TEST_CASE("a URL is looked at before the directory that it names", "[tools][configuration]") {
    for (const std::string url : {"file://tmp/x", "file:///nowhere/at/all?colour=red"}) {
        INFO(url);
        const Ran ran = Tool{url}({"get", "k"});
        CHECK(ran.exit == 4);
        CHECK(ran.err.find("there is no directory") == std::string::npos);
    }
}

TEST_CASE("messages speak of what was written, not of what is added to it",
          "[tools][configuration]") {
    const TemporaryDirectory directory;
    const std::string path = (directory.path() / "cache.db").string();
    for (const std::string url : {"sqlite://tmp/x.db", "sqlite://tmp/x.db?table=t"}) {
        const Ran ran = Tool{url}({"get", "k"});
        CHECK(ran.exit == 4);
        CHECK(ran.err.find("auto_create") == std::string::npos);
        CHECK(ran.err.find(url + '\n') != std::string::npos);
    }
    const std::string advice =
        " does not exist; create_table() or cachemodel create-table makes it\n";
    const Ran absent = Tool{"sqlite://" + path}({"get", "k"});
    CHECK(absent.exit == 3);
    CHECK(absent.err.find("the file" + advice) != std::string::npos);
    CHECK(absent.err.find("auto_create") == std::string::npos);
    Cache::open("sqlite://" + path).set("k", "v");
    const Ran no_table = Tool{"sqlite://" + path + "?table=other"}({"get", "k"});
    CHECK(no_table.exit == 3);
    CHECK(no_table.err.find("the table \"other\"" + advice) != std::string::npos);
    CHECK(no_table.err.find("auto_create") == std::string::npos);
}

TEST_CASE("warnings of a lenient URL are shown, and change nothing", "[tools][configuration]") {
    const Ran ran = Tool{"null://?lenient=true&colour=red"}({"stats"});
    CHECK(ran.exit == 0);
    CHECK(ran.err.find("cachemodel: warning: ") == 0);
    CHECK(Tool{"null://?lenient=true&colour=red"}.json({"stats"}).at("warnings").size() == 1);
}

TEST_CASE("a server that is down is exit code 3, whatever the command, also with ignore_errors",
          "[tools][failure]") {
    RealMemcached server{Transport::tcp};
    const Tool tool{server.url() + "?ignore_errors=true&timeout=5"};
    server.kill();
    for (const auto& command : commands) {
        INFO(command.front());
        const bool clears_prefix = command.size() == 3 && command.at(1) == "--prefix";
        const bool cannot = command.front() == "keys" || clears_prefix;
        const Ran ran = tool(command);
        CHECK(ran.exit == (cannot ? 5 : 3));
        CHECK(ran.err.find("cachemodel: ") == 0);
        CHECK(ran.err.find('\n') == ran.err.size() - 1);
        const json document = tool.json(command);
        CHECK(document.at("command") == command.front());
        CHECK(document.at("errors").size() == 1);
    }
    const json document = tool.json({"get", "a", "b"});
    CHECK(document.at("exit") == 3);
    CHECK(document.at("entries").at(1).at("state") == "failed");
}

TEST_CASE("one of several servers that is down does not hide the others", "[tools][failure]") {
    const RealMemcached first{Transport::tcp};
    RealMemcached second{Transport::tcp};
    const RealMemcached third{Transport::tcp};
    const auto name = [](const RealMemcached& server) {
        return "127.0.0.1:" + std::to_string(server.address().port);
    };
    const Tool tool{"memcached://" + name(first) + ',' + name(second) + ',' + name(third)};
    second.kill();
    const std::string refused =
        "unavailable: " + name(second) + ": cannot connect: Connection refused";

    const Ran stats = tool({"stats"});
    CHECK(stats.exit == 3);
    CHECK(stats.err == "cachemodel: " + refused + '\n');
    CHECK(stats.out.find("state                   " + refused + '\n') != std::string::npos);
    CHECK(stats.out.find('\n' + name(first) + "\npid ") != std::string::npos);
    CHECK(stats.out.find('\n' + name(third) + "\npid ") != std::string::npos);
    const json document = tool.json({"stats"});
    CHECK(document.at("errors") == json::array({refused}));
    CHECK(document.at("facts").size() == 23);

    const Ran clear = tool({"clear", "--yes"});
    CHECK(clear.exit == 3);
    CHECK(clear.out.empty());
    CHECK(clear.err == "cachemodel: " + refused + "; the other 2 servers were emptied\n");
}

TEST_CASE("a Redis that is down is exit code 3, whatever the command, also with ignore_errors",
          "[tools][failure]") {
    RealRedis server{Transport::tcp};
    const Tool tool{"redis://127.0.0.1:" + std::to_string(server.options().port) +
                    "?IGNORE_ERRORS=true&timeout=5"};
    CHECK(tool({"set", "k", "v"}).exit == 0);
    server.kill();
    for (const auto& command : commands) {
        INFO(command.front());
        const Ran ran = tool(command);
        CHECK(ran.exit == 3);
        // What stats knows without the server stands all the same.
        if (command.front() != "stats") CHECK(ran.out.empty());
        CHECK(ran.err.find("cachemodel: ") == 0);
        CHECK(tool.json(command).at("errors").size() == 1);
    }
}

TEST_CASE("a server that hangs is waited for until the deadline", "[tools][failure]") {
    const RealMemcached server;
    const Tool tool{server.url() + "?deadline=100ms"};
    server.hang();
    // 200 ms are measured: another 100 for starting the program.
    check_in_time([&] { CHECK(tool({"get", "k"}).exit == 3); });
    server.go_on();
}

TEST_CASE("a path with a wrong letter is not an empty cache, and nothing is made there",
          "[tools][failure]") {
    const TemporaryDirectory directory;
    const std::string path = (directory.path() / "cahce").string();
    const Ran file = Tool{"file://" + path}({"get", "k"});
    CHECK(file.exit == 3);
    CHECK(file.err == "cachemodel: there is no directory " + path +
                          ": nothing has been stored there yet, or the path is wrong\n");
    for (const std::string options : {"", "?table=cache"}) {
        const Tool sqlite{"sqlite://" + path + options};
        for (const auto& command : commands) {
            INFO(command.front());
            CHECK(sqlite(command).exit == 3);
        }
    }
    CHECK(std::filesystem::is_empty(directory.path()));

    CHECK(Tool{"file://" + path}({"set", "k", "v"}).exit == 0);
    CHECK(Tool{"file://" + path}({"get", "k"}).out == "v\n");
}

TEST_CASE("the tool works on SQLite, whose tables programs make", "[tools][sqlite]") {
    const TemporaryDirectory directory;
    const std::string url = "sqlite://" + (directory.path() / "cache.db").string();
    Cache::open(url).set("greeting", "hello");
    const Tool tool{url};
    CHECK(tool({"get", "greeting"}).out == "hello\n");
    CHECK(tool({"keys"}).out == "greeting\n");
    CHECK(Tool{url + "?table=other"}({"get", "greeting"}).exit == 3);
    CHECK(tool({"erase", "greeting"}).exit == 0);
    CHECK(tool({"get", "greeting"}).exit == 1);
    CHECK(Tool{url + "?table=other&AUTO_CREATE=true"}({"get", "greeting"}).exit == 1);
    CHECK(Tool{url + "?table=third&Auto_Create=false"}({"get", "greeting"}).exit == 3);
}

TEST_CASE("create-table makes the table of a cache in SQLite, once", "[tools][sqlite]") {
    const TemporaryDirectory directory;
    const std::string path = (directory.path() / "cache.db").string();
    const std::string url = "sqlite://" + path + "?table=sessions&auto_create=false";
    const Tool tool{url};
    CHECK(tool({"get", "k"}).exit == 3);
    CHECK(tool({"create-table"}).out == "created the table sessions in " + url + '\n');
    CHECK(tool({"create-table"}).out == "the table sessions is already in " + url + '\n');
    CHECK(tool({"get", "k"}).exit == 1);

    const json again = tool.json({"create-table"});
    CHECK(again.at("table") == "sessions");
    CHECK(again.at("created") == false);
    CHECK(again.at("exit") == 0);
    CHECK(Tool{"sqlite://" + path}.json({"create-table"}).at("created") == true);
    CHECK(Tool{url + "&tabel=x"}({"create-table"}).exit == 4);
    CHECK(Tool{"sqlite://" + path + "/x.db"}({"create-table"}).exit == 3);
    CHECK(Tool{"sqlite:///:memory:"}({"create-table"}).exit == 4);
}

TEST_CASE("create-table --dry-run writes the statements and makes nothing", "[tools][sqlite]") {
    const TemporaryDirectory directory;
    const Tool tool{"sqlite://" + (directory.path() / "cache.db").string() + "?table=sessions"};
    const std::string sql =
        "CREATE TABLE \"sessions\" (\n"
        "    key BLOB NOT NULL PRIMARY KEY,\n"
        "    value BLOB NOT NULL,\n"
        "    expires_at INTEGER,  -- milliseconds since 1970-01-01 UTC, NULL is never\n"
        "    written_at INTEGER NOT NULL,\n"
        "    token INTEGER NOT NULL\n"
        ");\n"
        "CREATE INDEX \"sessions_cachemodel_culling\""
        " ON \"sessions\" (expires_at, written_at);\n";
    CHECK(tool({"create-table", "--dry-run"}).out == sql);
    CHECK(tool.json({"create-table", "--dry-run"}).at("sql") == sql);
    CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE("create-table is refused where there is no table", "[tools][refusal]") {
    const TemporaryDirectory directory;
    const std::string file = "file://" + (directory.path() / "cache").string();
    for (const auto& url : {std::string{"null://"}, std::string{"redis://127.0.0.1"}, file}) {
        INFO(url);
        for (const std::vector<std::string>& command :
             {std::vector<std::string>{"create-table"}, {"create-table", "--dry-run"}}) {
            const Ran ran = Tool{url}(command);
            CHECK(ran.exit == 5);
            CHECK(ran.out.empty());
            CHECK(ran.err ==
                  "cachemodel: unsupported: this backend has no table; one of sqlite:// has\n");
        }
    }
    CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE("a password is shown nowhere", "[tools][password]") {
    const RealRedis server{Transport::tcp, {"--requirepass", "correct-horse"}};
    const std::string address = "127.0.0.1:" + std::to_string(server.options().port);
    const std::string url = "redis://:wrong-horse@" + address;
    for (const auto& command : commands) {
        INFO(command.front());
        const Ran ran = Tool{url}(command);
        CHECK(ran.exit == 3);
        CHECK(all_of(ran).find("horse") == std::string::npos);
    }
    const Tool right{"redis://:correct-horse@" + address};
    CHECK(right({"set", "k", "v"}).exit == 0);
    CHECK(right({"stats"}).out.find("redis://:***@" + address) != std::string::npos);
    CHECK(all_of(right({"stats"})).find("horse") == std::string::npos);
    CHECK(right({"clear", "--yes"}).out == "cleared redis://:***@" + address + '\n');

    // Where the URL is not understood, or is not where it belongs.
    const std::vector<std::vector<std::string>> mistakes{
        {url, "get", "k"},
        {"get", "k", "--cach=" + url},
        {"--cache", "memcached://me:wrong-horse@" + address, "get", "k"},
        {"--cache", "redis://me:wrong-horse/@" + address, "get", "k"},
        {"--cache", "redis://:wrong-horse@" + address + "?nothing=1", "get", "k"},
        {"--" + url, "get", "k"},
        {"help", url},
        {"keys", "--limit", url},
        {"touch", "k", url},
    };
    for (const auto& words : mistakes) {
        INFO(words.at(1));
        const Ran ran = Tool{"null://"}(words);
        CHECK(ran.exit != 0);
        CHECK(all_of(ran).find("horse") == std::string::npos);
    }
}

TEST_CASE("what a backend cannot do, and clear without an answer, is exit code 5",
          "[tools][refusal]") {
    const RealMemcached server;
    const Tool tool{server.url()};
    CHECK(tool({"keys"}).exit == 5);
    CHECK(tool({"clear", "--prefix", "--yes"}).exit == 5);
    CHECK(tool({"set", "k", "v"}).exit == 0);
    CHECK(tool({"clear"}).err ==
          "cachemodel: clear asks on a terminal, and there is none; --yes answers it\n");
    CHECK(tool({"clear"}).exit == 5);
    CHECK(Tool{server.url() + "?clear=forbid"}({"clear", "--yes"}).exit == 5);
    CHECK(tool({"get", "k"}).out == "v\n");
    CHECK(tool({"clear", "--yes"}).exit == 0);
    CHECK(tool({"get", "k"}).exit == 1);
    CHECK(Tool{"null://"}({"clear"}).exit == 0);  // nobody shares it
}

TEST_CASE("a key that memcached does not take is refused, and not sent", "[tools][usage]") {
    const RealMemcached server;
    const Tool tool{server.url()};
    for (const auto* const command : {"get", "dump", "erase"}) {
        const Ran ran = tool({command, "--final", "a\r\nflush_all"});
        CHECK(ran.exit == 2);
        CHECK(ran.err.find("\\x0d\\x0aflush_all") != std::string::npos);
    }
    CHECK(tool({"get", std::string(300, 'k')}).exit == 2);
}

TEST_CASE("output to a pipe that nobody reads ends the tool quietly", "[tools][output]") {
    const Shop shop;
    shop.cache().set("large", std::string(1 << 20, 'x'), never);
    const Environment environment{{"CACHEMODEL_URL", shop.url()}};
    const std::string of_both = "{ cachemodel get large; echo $? >&2; } | head -c 3";
    const Ran ran = run({"sh", "-c", of_both}, environment);
    CHECK(ran.out == "xxx");
    CHECK(ran.err == "141\n");
    // Also where a parent has switched the signal off.
    CHECK(run({"sh", "-c", "trap '' PIPE; " + of_both}, environment).err == "141\n");
}

TEST_CASE("output that cannot be written is a failure", "[tools][output]") {
    const Shop shop;
    const Ran ran =
        run({"sh", "-c", "cachemodel get greeting > /dev/full"}, {{"CACHEMODEL_URL", shop.url()}});
    CHECK(ran.exit == 3);
    CHECK(ran.err == "cachemodel: standard output cannot be written: No space left on device\n");
}

}  // namespace cachemodel::support
