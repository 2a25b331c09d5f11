// cachemodel: the backend that keeps nothing.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/null.hpp>

#include <cachemodel/cache_url.hpp>

#include <algorithm>

#include "config_problem_error.hpp"

namespace cachemodel {

NullBackend::NullBackend() noexcept {
    // These answer as they do where nothing is there. A read never hands out a token.
    capabilities_.atomic_increment = true;
    capabilities_.tells_lifetimes = true;
    capabilities_.lists_keys = true;
}

void NullBackend::get_many(std::span<const std::string_view> keys, ReadSink& sink) {
    for (std::size_t i = 0; i < keys.size(); ++i) sink.absent(i);
}

void NullBackend::store_many(Store how, std::span<const Entry>, std::span<Outcome> outcomes) {
    // Nothing is ever there, so nothing can still be what a read has seen.
    const bool declines = how == Store::compare_and_set;
    std::ranges::fill(outcomes, declines ? Outcome::declined_by_backend() : Outcome{});
}

void NullBackend::remove_many(std::span<const std::string_view>, std::span<Outcome> outcomes) {
    std::ranges::fill(outcomes, Outcome::declined_by_backend());
}

void NullBackend::touch_many(std::span<const std::string_view>, Lifetime,
                             std::span<Outcome> outcomes) {
    std::ranges::fill(outcomes, Outcome::declined_by_backend());
}

Outcome NullBackend::increment(std::string_view, std::int64_t, std::int64_t&) {
    return Outcome::declined_by_backend();
}

Outcome NullBackend::remaining_lifetime(std::string_view, Lifetime&) {
    return Outcome::declined_by_backend();
}

std::shared_ptr<Backend> open_null(CacheUrl& url, const Clock&) {
    const bool has_host = !url.hosts().empty() && !url.hosts().front().name.empty();
    const auto complaint =
        "null:// takes neither a host, nor a user, nor a path: " + url.redacted();
    if (has_host || !url.path().empty()) throw detail::wrong_location(complaint);
    if (!url.user().empty() || !url.password().empty()) throw detail::wrong_login(complaint);
    return std::make_shared<NullBackend>();
}

}  // namespace cachemodel
