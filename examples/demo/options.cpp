// cachemodel: the demo: its command line.
// SPDX-License-Identifier: MIT
#include "demo/options.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace demo {

namespace {

using std::chrono::nanoseconds;

/// "0", "250us", "1ms" or "2s", up to ten seconds: the demo asks a few hundred times.
std::optional<nanoseconds> parse_latency(std::string_view text) {
    const char* const end = text.data() + text.size();
    unsigned number = 0;
    const auto [unit, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{}) return std::nullopt;

    const std::string_view name{unit, static_cast<std::size_t>(end - unit)};
    constexpr std::chrono::seconds longest{10};
    std::optional<nanoseconds> latency;
    if (name == "us") latency = std::chrono::microseconds{number};
    if (name == "ms") latency = std::chrono::milliseconds{number};
    if (name == "s") latency = std::chrono::seconds{number};
    if (name.empty() && number == 0) latency = nanoseconds::zero();
    return latency && *latency <= longest ? latency : std::nullopt;
}

}  // namespace

const char* const help_text =
    R"(usage: cachemodel_demo [--cache CACHE] [--source-latency TIME]
                       [--iso-codes DIRECTORY]

Reads countries, their subdivisions, currencies and languages from Debian's
iso-codes into an SQLite database, and from there through a cache, and shows
what that gains.

  --cache memory         in this process (what happens without the option)
  --cache memcached      starts a memcached of its own, and ends it
  --cache URL            uses one that is there: memcached://127.0.0.1:11211,
                         redis://127.0.0.1:6379/5, sqlite:///tmp/demo.db,
                         file:///tmp/demo; the demo removes its entries at the
                         end, and no others
  --source-latency TIME  what each query of the database waits, such as 0,
                         500us or 2ms (1ms): SQLite is in this process, most
                         databases are not
  --iso-codes DIRECTORY  where the JSON files are (/usr/share/iso-codes/json)
  --help                 this text

Colour is used on a terminal, unless NO_COLOR is set.
)";

Options parse_options(std::span<char* const> arguments) {
    Options options;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view argument = arguments[i];
        const std::size_t equals = argument.find('=');
        const auto name = argument.substr(0, equals);
        const auto value = [&] {
            std::string text;
            if (equals != std::string_view::npos) {
                text = argument.substr(equals + 1);
            } else if (++i < arguments.size()) {
                text = arguments[i];
            }
            if (text.empty()) throw UsageError{std::string{name} + " needs a value"};
            return text;
        };
        if (argument == "--help" || argument == "-h") {
            options.help = true;
        } else if (name == "--cache") {
            options.cache = value();
        } else if (name == "--iso-codes") {
            options.iso_codes = value();
        } else if (name == "--source-latency") {
            const auto text = value();
            const auto latency = parse_latency(text);
            if (!latency) {
                throw UsageError{"--source-latency " + text +
                                 ": expected is a time from 0 to 10s, such as 500us or 2ms"};
            }
            options.source_latency = *latency;
        } else {
            throw UsageError{"there is no argument " + std::string{argument}};
        }
    }
    if (options.cache != "memory" && options.cache != "memcached" &&
        options.cache.find("://") == std::string::npos) {
        throw UsageError{"--cache " + options.cache +
                         ": expected is memory, memcached or a URL such as "
                         "memcached://127.0.0.1:11211"};
    }
    return options;
}

}  // namespace demo
