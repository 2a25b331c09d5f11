// cachemodel: a member that is stored.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/wrapper.hpp>
#include <cachemodel/fwd.hpp>

namespace cachemodel {

/// A member of a model that is stored with it. A plain member is stored too; `Field` says so aloud.
///
/// Reads and compares like the `T` that it holds; `*field` and `field->` reach it. The types it may
/// hold are listed in docs/guide/models.md.
///
/// Thread safety: that of `T`.
template <class T>
class Field : public detail::ValueWrapper<Field<T>, T> {
 public:
    using detail::ValueWrapper<Field<T>, T>::ValueWrapper;
};

}  // namespace cachemodel
