// cachemodel: fuzzing the cache URL: it parses, or is a ConfigError.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache_url.hpp>
#include <cachemodel/error.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace std::chrono_literals;
    using cachemodel::CacheUrl;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    std::optional<CacheUrl> url;
    try {
        url = CacheUrl::parse(text);
    } catch (const cachemodel::ConfigError&) {
        return 0;
    }

    // What is shown must be a URL too, and say the same but for the password.
    const auto shown = CacheUrl::parse(url->redacted());
    if (shown.path() != url->path() || shown.user() != url->user()) std::abort();
    if (shown.hosts().size() != url->hosts().size()) std::abort();

    try {
        url->take_size("size", 1, 0, std::numeric_limits<std::size_t>::max());
        url->take_integer("integer", 1, 0, 100);
        url->take_duration("duration", 1s, 1ms, 1h);
        url->take_text("text", "");
        url->expect_all_taken();
    } catch (const cachemodel::ConfigError&) {
        return 0;
    }
    return 0;
}
