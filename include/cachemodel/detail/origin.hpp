// cachemodel: where an object that was found comes from.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/fwd.hpp>

#include <cstdint>

namespace cachemodel::detail {

/// Which state of an entry an object was read from, or has been stored as: a checksum over key,
/// time of writing and body. Touching an entry leaves it as it is.
struct Revision {
    /// Zero where the object was neither read from an entry nor stored.
    std::uint64_t checksum = 0;

    friend bool operator==(Revision, Revision) noexcept = default;
};

/// Of an object that a loader has still to complete: no entry ever has it.
inline constexpr Revision revision_of_part{1};

/// What is told of a model that was found.
struct Origin {
    Revision revision = {};
    bool is_stale = false;
};

/// Reaches what a lookup, or a model that saves itself, keeps of its origin.
struct OriginAccess {
    template <class T>
    static Origin& of(Lookup<T>& lookup) noexcept {
        return lookup.origin_;
    }
    template <class M>
    static Revision& of(CacheModel<M>& model) noexcept {
        return model.cachemodel_revision_;
    }
};

}  // namespace cachemodel::detail
