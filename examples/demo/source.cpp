// cachemodel: the demo: the slow source of truth.
// SPDX-License-Identifier: MIT
#include "demo/source.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace demo {

/// A connection out of the pool, for as long as one call needs it.
class Source::Lease {
 public:
    explicit Lease(Source& source) : source_(source) {
        {
            const std::lock_guard lock{source.mutex_};
            if (!source.idle_.empty()) {
                connection_ = std::move(source.idle_.back());
                source.idle_.pop_back();
                return;
            }
        }
        connection_ = std::make_unique<Connection>(source.path_, Connection::Mode::read);
    }
    ~Lease() {
        const std::lock_guard lock{source_.mutex_};
        source_.idle_.push_back(std::move(connection_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    /// The statement for a query that is now sent.
    Statement& query(const std::string& sql) {
        ++source_.queries_;
        if (source_.latency_ > source_.latency_.zero()) {
            std::this_thread::sleep_for(source_.latency_);
        }
        return connection_->prepared(sql);
    }

 private:
    Source& source_;
    std::unique_ptr<Connection> connection_;
};

Source::Source(std::string path, std::chrono::nanoseconds latency)
    : path_(std::move(path)), latency_(latency) {}

void Source::look_up(std::string_view table, std::string_view columns,
                     std::span<const std::string> codes,
                     const std::function<void(const Statement& row)>& on_row) {
    const auto select = std::string{"SELECT "}.append(columns).append(" FROM ").append(table);
    Lease lease{*this};
    while (!codes.empty()) {
        const auto now = codes.first(std::min(codes.size(), codes_per_query));
        // One or many: two statements to prepare, whatever the number of codes. NULL equals none.
        const std::size_t places = now.size() == 1 ? 1 : codes_per_query;
        auto sql = select + " WHERE code IN (?";
        for (std::size_t place = 1; place < places; ++place) sql += ",?";
        auto& statement = lease.query(sql + ')');
        for (std::size_t i = 0; i < now.size(); ++i) {
            statement.bind(static_cast<int>(i) + 1, now[i]);
        }
        while (statement.step()) on_row(statement);
        statement.reset();
        codes = codes.subspan(now.size());
    }
}

void Source::ask(const std::string& sql, std::initializer_list<std::string_view> values,
                 const std::function<void(const Statement& row)>& on_row) {
    Lease lease{*this};
    auto& statement = lease.query(sql);
    int place = 0;
    for (const auto value : values) statement.bind(++place, value);
    while (statement.step()) on_row(statement);
    statement.reset();
}

std::vector<std::string> Source::codes(std::string_view table) {
    Lease lease{*this};
    std::vector<std::string> codes;
    auto& statement =
        lease.query(std::string{"SELECT code FROM "}.append(table).append(" ORDER BY code"));
    while (statement.step()) codes.push_back(statement.text(0));
    statement.reset();
    return codes;
}

}  // namespace demo
