// cachemodel: the demo: what it shows, chapter by chapter.
// SPDX-License-Identifier: MIT
#pragma once

#include "demo/iso_codes.hpp"
#include "demo/own_memcached.hpp"
#include "demo/screen.hpp"
#include "demo/source.hpp"
#include "demo/unpluggable_backend.hpp"

#include <cachemodel/cache.hpp>

#include <chrono>

namespace demo {

/// What the chapters share.
struct Stage {
    Screen& screen;
    Source& source;
    cachemodel::Cache cache;
    OwnMemcached* server;             ///< null where the demo did not start one
    UnpluggableBackend* unpluggable;  ///< null where the cache is not in the demo's own memory
};

void show_source(Stage& stage, const RowCounts& rows, std::chrono::nanoseconds import_time,
                 std::chrono::nanoseconds latency);
void show_everything_twice(Stage& stage);
void show_single_gets(Stage& stage);
void show_references(Stage& stage);
void show_key_and_entry(Stage& stage);
void show_cached_method(Stage& stage);
void show_push(Stage& stage);
void show_failure(Stage& stage);

/// Removes every entry that the chapters may store.
///
/// Errors: `cachemodel::BackendError` where the cache does not answer.
void remove_everything(Stage& stage);
/// Those that `show_push` may store.
void remove_rates(Stage& stage);

}  // namespace demo
