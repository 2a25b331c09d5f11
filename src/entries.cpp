// cachemodel: entries of a cache, with the lifetimes that its backend cannot keep by itself.
// SPDX-License-Identifier: MIT
#include "entries.hpp"

namespace cachemodel::detail {

WallTime wall_time(const Cache& cache) {
    return std::chrono::floor<std::chrono::milliseconds>(cache.clock().wall());
}

BackendLifetime backend_lifetime(Lifetime lifetime, const Capabilities& capabilities) {
    const auto unit = capabilities.lifetime_resolution;
    if (lifetime.is_never() || lifetime.is_over()) return {lifetime, true};
    const auto wanted = lifetime.duration();
    const auto rest = wanted % unit;
    if (wanted >= 2 * unit && rest == unit.zero()) return {lifetime, true};
    if (unit <= std::chrono::milliseconds{1}) return {lifetime, true};
    const auto whole = rest == unit.zero() ? wanted : wanted - rest + unit;
    return {whole + unit, false};
}

WallTime fresh_until(Lifetime lifetime, WallTime now) {
    // In milliseconds: centuries from now do not fit into nanoseconds since 1970.
    return now + std::chrono::floor<std::chrono::milliseconds>(lifetime.duration());
}

PreparedEntry begin_prepared(const Cache& cache, const EntryKey& key, Lifetime lifetime) {
    const auto [backends, is_exact] = backend_lifetime(lifetime, cache.capabilities());
    const auto now = wall_time(cache);
    PreparedEntry entry{{}, backends};
    Envelope envelope{key.in_envelope(), now, {}};
    if (!is_exact) envelope.fresh_until = fresh_until(lifetime, now);
    begin_entry(entry.bytes, envelope);
    return entry;
}

OpenResult open_living(const Cache& cache, std::string_view bytes, const EntryKey& key) {
    OpenResult opened = open_entry(bytes, key.in_envelope());
    if (opened.entry && opened.entry->envelope.fresh_until &&
        wall_time(cache) >= *opened.entry->envelope.fresh_until) {
        return {{}, MissReason::expired};
    }
    return opened;
}

}  // namespace cachemodel::detail
