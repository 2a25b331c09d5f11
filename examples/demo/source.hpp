// cachemodel: the demo: the slow source of truth.
// SPDX-License-Identifier: MIT
#pragma once

#include "demo/database.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace demo {

/// A database that services ask over and over. This is what the models' loaders are given, and
/// what addresses are looked up in.
///
/// It is a pool of connections, not one of them, so that loaders may run in any thread. Each query
/// waits `latency` first: SQLite is in this process, most databases are at the end of a network.
///
/// Thread safety: may be used concurrently.
class Source {
 public:
    Source(std::string path, std::chrono::nanoseconds latency);

    /// Calls `on_row` for each row that `SELECT columns FROM table WHERE code IN (codes)` gives,
    /// in any order; asks about at most `codes_per_query` at once.
    void look_up(std::string_view table, std::string_view columns,
                 std::span<const std::string> codes,
                 const std::function<void(const Statement& row)>& on_row);

    /// Sends one query, with `values` in place of its question marks, and calls `on_row` for each
    /// row.
    void ask(const std::string& sql, std::initializer_list<std::string_view> values,
             const std::function<void(const Statement& row)>& on_row);

    /// All codes of a table, in order.
    std::vector<std::string> codes(std::string_view table);

    /// The database file.
    const std::string& path() const noexcept { return path_; }

    /// Queries since the program began.
    std::uint64_t queries() const noexcept { return queries_; }

    static constexpr std::size_t codes_per_query = 500;

 private:
    class Lease;

    const std::string path_;
    const std::chrono::nanoseconds latency_;
    std::atomic<std::uint64_t> queries_{0};
    std::mutex mutex_;
    std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace demo
