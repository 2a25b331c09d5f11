// cachemodel: the demo: real data, cached.
// SPDX-License-Identifier: MIT
#include "demo/chapters.hpp"
#include "demo/iso_codes.hpp"
#include "demo/options.hpp"
#include "demo/own_memcached.hpp"
#include "demo/screen.hpp"
#include "demo/source.hpp"
#include "demo/tidy_up.hpp"
#include "demo/unpluggable_backend.hpp"

#include <cachemodel/backend.hpp>
#include <cachemodel/backends/memory.hpp>
#include <cachemodel/cache.hpp>
#include <cachemodel/cache_url.hpp>
#include <cachemodel/error.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace {

using namespace demo;

bool has_colour() {
    const char* terminal = std::getenv("TERM");
    return ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr &&
           terminal != nullptr && std::string{"dumb"} != terminal;
}

/// On a server that others use too, the demo has a prefix of its own.
std::string key_prefix(const Options& options) {
    const bool private_cache = options.cache == "memory" || options.cache == "memcached";
    return private_cache ? "demo" : "demo-" + std::to_string(::getpid());
}

/// The models would do without a cache that does not answer; the demo of one would be pointless.
void expect_answer(const cachemodel::Cache& cache) {
    const std::string_view key = "probe";
    cachemodel::Outcome outcome;
    cache.remove_many(std::span{&key, 1}, std::span{&outcome, 1});
    if (outcome.failed()) outcome.failure().rethrow();
}

void run(const Options& options) {
    TidyUp tidy;
    std::optional<OwnMemcached> server;
    std::shared_ptr<UnpluggableBackend> unpluggable;
    std::string shown = "in this process' own memory";
    const auto cache = [&] {
        if (options.cache == "memory") {
            unpluggable =
                std::make_shared<UnpluggableBackend>(std::make_shared<cachemodel::MemoryBackend>());
            return cachemodel::Cache{unpluggable, {.key_prefix = key_prefix(options)}};
        }
        std::string url = options.cache;
        if (options.cache == "memcached") {
            server.emplace(tidy);
            // Tried again sooner than usual, so that the last chapter does not take long.
            url = server->url() + "?retry_after=200ms";
        }
        shown = (server ? "a memcached of the demo's own, " : "") +
                cachemodel::CacheUrl::parse(url).redacted();
        return cachemodel::Cache::open(url).with_prefix(key_prefix(options));
    }();
    const bool is_shared = !server && !unpluggable;
    if (is_shared) expect_answer(cache);

    const auto database = (tidy.directory() / "iso-codes.sqlite").string();
    const auto begin = std::chrono::steady_clock::now();
    RowCounts rows;
    {
        Connection connection{database, Connection::Mode::create};
        rows = import_iso_codes(options.iso_codes, connection);
    }
    const auto import_time = std::chrono::steady_clock::now() - begin;

    Screen screen{std::cout, has_colour()};
    screen.title("cachemodel: entities, not strings, in a cache");
    Source source{database, options.source_latency};
    Stage stage{screen, source, cache, server ? &*server : nullptr, unpluggable.get()};

    show_source(stage, rows, import_time, options.source_latency);
    screen.paragraph("The cache: " + shown + ".");
    show_everything_twice(stage);
    show_single_gets(stage);
    show_references(stage);
    show_key_and_entry(stage);
    show_cached_method(stage);
    show_push(stage);
    show_failure(stage);
    if (is_shared) remove_everything(stage);
}

}  // namespace

int main(int argument_count, char** arguments) {
    try {
        const auto options = parse_options(
            std::span<char* const>{arguments, static_cast<std::size_t>(argument_count)}.subspan(1));
        if (options.help) {
            std::cout << help_text;
            return EXIT_SUCCESS;
        }
        run(options);
        return std::cout.good() ? EXIT_SUCCESS : EXIT_FAILURE;
    } catch (const UsageError& e) {
        std::cerr << "cachemodel_demo: " << e.what() << "\nTry --help.\n";
        return 2;
    } catch (const cachemodel::ConfigError& e) {
        std::cerr << "cachemodel_demo: " << e.what() << "\nTry --help.\n";
        return 2;
    } catch (const std::exception& e) {
        std::cerr << "cachemodel_demo: " << e.what() << '\n';
        return EXIT_FAILURE;
    }
}
