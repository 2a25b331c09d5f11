// cachemodel: entries of a cache, with the lifetimes that its backend cannot keep by itself.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>
#include <cachemodel/detail/cbor.hpp>
#include <cachemodel/detail/key_text.hpp>
#include <cachemodel/lifetime.hpp>

#include <string>
#include <string_view>

#include "envelope.hpp"

namespace cachemodel::detail {

WallTime wall_time(const Cache& cache);

/// The lifetime that a backend is given for `lifetime`, and whether it would be kept exactly: a
/// backend may drop an entry up to one of its units early.
struct BackendLifetime {
    Lifetime lifetime;
    bool is_exact;
};
BackendLifetime backend_lifetime(Lifetime lifetime, const Capabilities& capabilities);

WallTime fresh_until(Lifetime lifetime, WallTime now);

/// An entry as it is sent.
struct PreparedEntry {
    std::string bytes;
    Lifetime lifetime;
};

/// An entry with all but its body and its end.
PreparedEntry begin_prepared(const Cache& cache, const EntryKey& key, Lifetime lifetime);

/// An entry whose body `write` writes. Errors: those of `write`.
template <class Write>
PreparedEntry prepare_entry(const Cache& cache, const EntryKey& key, Lifetime lifetime,
                            Write write) {
    PreparedEntry entry = begin_prepared(cache, key, lifetime);
    CborWriter writer{entry.bytes};
    write(writer);
    end_entry(entry.bytes);
    return entry;
}

/// The entry, unless it is not sound or is over.
OpenResult open_living(const Cache& cache, std::string_view bytes, const EntryKey& key);

}  // namespace cachemodel::detail
