// cachemodel: a connection to the table of entries, and what is done on it.
// SPDX-License-Identifier: MIT
#include "backends/sqlite_table.hpp"

#include "backends/sqlite_schema.hpp"
#include "counter_text.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace cachemodel::sqlite {

namespace {

constexpr std::int64_t nanoseconds_in_one = 1'000'000;

/// Bytes of a row beside key and value, generously.
constexpr std::size_t row_overhead = 128;

/// How many entries are dropped with one statement, at most: SQLite looks at the time while it
/// executes one, but gives up all of the transaction then.
constexpr std::int64_t largest_slice = 16;
constexpr std::int64_t no_limit = std::numeric_limits<std::int64_t>::max();

/// What SQLite clears at once in a millisecond, carefully: it does not look at the time meanwhile.
constexpr std::int64_t bytes_cleared_in_one = std::int64_t{3} << 18;

constexpr std::size_t written_between_purges = 64;
constexpr std::int64_t most_purged = 1024;

constexpr std::int64_t keys_listed_at_once = 1000;

/// The first of all keys behind those with this prefix; nothing where there is none.
std::optional<std::string> end_of_prefix(std::string_view prefix) {
    while (prefix.ends_with('\xff')) prefix.remove_suffix(1);
    if (prefix.empty()) return std::nullopt;
    std::string end{prefix};
    end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
    return end;
}

}  // namespace

Now::Now(const Clock& clock) noexcept {
    const auto now = clock.wall().time_since_epoch();
    const auto whole = std::chrono::floor<std::chrono::milliseconds>(now);
    milliseconds_ = whole.count();
    nanoseconds_ = std::chrono::duration_cast<std::chrono::nanoseconds>(now - whole).count();
}

std::optional<Milliseconds> Now::end_of(Lifetime lifetime) const noexcept {
    if (lifetime.is_never()) return std::nullopt;
    const auto length = lifetime.duration().count();
    const auto rest = length % nanoseconds_in_one + nanoseconds_;
    return milliseconds_ + length / nanoseconds_in_one +
           (rest + nanoseconds_in_one - 1) / nanoseconds_in_one;
}

Lifetime Now::until(Milliseconds expires_at) const noexcept {
    const auto left = expires_at - milliseconds_ - (nanoseconds_ == 0 ? 0 : 1);
    return std::chrono::milliseconds{std::max<Milliseconds>(left, 1)};
}

Table::Table(const SqliteOptions& options, const Deadline& deadline)
    : options_(options),
      database_(options.path, options.auto_create, deadline),
      name_(quoted(options.table)) {
    if (options.auto_create) {
        require_table(database_, options.path, options.table);
    } else if (!has_table(database_, options.path, options.table)) {
        throw BackendError{BackendFault::unavailable,
                           "sqlite: " + options.path + ": the table " + name_ + ' ' + is_not_there};
    }
}

bool Table::create(const SqliteOptions& options, const Deadline& deadline) {
    Database database{options.path, true, deadline};
    return require_table(database, options.path, options.table);
}

Execution Table::run(Query query) {
    auto& statement = statements_[static_cast<std::size_t>(query)];
    if (!statement.is_prepared()) statement = Statement{database_, sql_of(query, name_)};
    return Execution{database_, statement};
}

std::int64_t Table::number_of(Query query) {
    auto asking = run(query);
    return asking.next() ? asking.integer_at(0) : 0;
}

std::int64_t Table::change(Execution& changing) {
    const auto before = database_.total_changes();
    const auto changed = changing.run();
    if (database_.total_changes() - before != changed) entries_.reset();
    return changed;
}

void Table::fail_unchanged() const {
    throw BackendError{BackendFault::protocol,
                       "sqlite: " + options_.path + ": the table " + name_ +
                           " did not take a change; a trigger may have kept it from that"};
}

Table::Reading::Reading(Table& table, std::size_t keys)
    : table_(table), has_transaction_(keys > 1) {
    if (has_transaction_) table_.run(Query::begin_reading).run();
}

Table::Reading::~Reading() { table_.database_.roll_back(); }

std::optional<std::uint64_t> Table::Reading::find(std::string_view key, Now now,
                                                  std::string& bytes) {
    auto finding = table_.run(Query::find);
    if (!finding.blob(key).integer(now.milliseconds()).next()) return std::nullopt;
    bytes.append(finding.blob_at(0));
    return static_cast<std::uint64_t>(finding.integer_at(1));
}

Table::Writing::Writing(Table& table) : table_(table) {
    table_.run(Query::begin_writing).run();
    table_.has_looked_ = false;
}

Table::Writing::~Writing() {
    if (!is_open_) return;
    table_.database_.roll_back();
    table_.entries_.reset();
}

void Table::Writing::commit() {
    table_.run(Query::commit).run();
    is_open_ = false;
}

Table::Row Table::inspect(std::string_view key, Now now) {
    auto finding = run(Query::inspect);
    if (!finding.blob(key).integer(now.milliseconds()).next()) return {};
    return {true, finding.integer_at(1) != 0, static_cast<std::uint64_t>(finding.integer_at(0))};
}

bool Table::write(Query query, const Entry& entry, std::uint64_t token, Now now) {
    auto writing = run(query);
    writing.blob(entry.key)
        .blob(entry.value)
        .integer_or_null(now.end_of(entry.lifetime))
        .integer(now.milliseconds())
        .integer(static_cast<std::int64_t>(token));
    return change(writing) > 0;
}

void Table::overwrite(const Entry& entry, std::uint64_t token, Now now) {
    if (!write(Query::overwrite, entry, token, now)) fail_unchanged();
}

void Table::insert(const Entry& entry, std::uint64_t token, Now now) {
    make_room(now);
    if (!write(Query::insert, entry, token, now)) fail_unchanged();
    if (entries_) ++*entries_;
}

bool Table::erase(std::string_view key) {
    auto erasing = run(Query::erase);
    const auto erased = change(erasing.blob(key));
    if (entries_) *entries_ -= erased;
    return erased > 0;
}

Outcome Table::store(Store how, const Entry& entry, std::uint64_t token, Now now) {
    const std::size_t for_row = database_.longest_row() - row_overhead;
    const std::size_t for_value = for_row - std::min(for_row, entry.key.size());
    const std::size_t limit = std::min(for_value, options_.max_value);
    if (entry.value.size() > limit || entry.key.size() > for_row) {
        if (how == Store::set) remove(entry.key, now);
        return Failure{ValueTooLarge{entry.value.size(), limit}};
    }
    if (how == Store::set) {
        if (!write(Query::overwrite, entry, token, now)) insert(entry, token, now);
        return {};
    }
    const Row row = inspect(entry.key, now);
    if (how == Store::add) {
        if (row.is_alive()) return Outcome::declined_by_backend();
        if (row.is_there) {
            overwrite(entry, token, now);
        } else {
            insert(entry, token, now);
        }
        return {};
    }
    if (!row.is_alive() || row.token != entry.token) return Outcome::declined_by_backend();
    overwrite(entry, token, now);
    return {};
}

bool Table::remove(std::string_view key, Now now) {
    const Row row = inspect(key, now);
    if (row.is_there && !erase(key)) fail_unchanged();
    return row.is_alive();
}

bool Table::touch(std::string_view key, Lifetime lifetime, Now now) {
    auto touching = run(Query::touch);
    touching.blob(key).integer(now.milliseconds()).integer_or_null(now.end_of(lifetime));
    if (change(touching) > 0) return true;
    if (inspect(key, now).is_alive()) fail_unchanged();
    return false;
}

Outcome Table::increment(std::string_view key, std::int64_t delta, std::uint64_t token, Now now,
                         std::int64_t& value) {
    std::int64_t sum = 0;
    {
        auto reading = run(Query::read_number);
        if (!reading.blob(key).integer(now.milliseconds()).next()) {
            return Outcome::declined_by_backend();
        }
        auto added = detail::add_to_counter(reading.blob_at(0), delta, sum);
        if (!added.done()) return added;
    }
    const auto text = std::to_string(sum);
    auto writing = run(Query::write_number);
    writing.blob(key)
        .blob(text)
        .integer(now.milliseconds())
        .integer(static_cast<std::int64_t>(token));
    if (change(writing) == 0) fail_unchanged();
    value = sum;
    return {};
}

bool Table::clear_some() {
    using std::chrono::duration_cast;
    const auto now = std::chrono::steady_clock::now();
    const auto& deadline = database_.deadline();
    const auto left = duration_cast<std::chrono::milliseconds>(deadline.end - now);
    const bool at_once = number_of(Query::bytes_in_use) / bytes_cleared_in_one <= left.count();
    std::int64_t dropped = 0;
    if (at_once) {
        auto clearing = run(Query::clear);
        change(clearing);
    } else {
        dropped = drop_until(std::min(now + deadline.whole / 8, deadline.nearly_over()),
                             Query::drop_any, no_limit);
    }
    entries_.reset();
    if (number_of(Query::has_any) == 0) return true;
    if (dropped == 0) fail_unchanged();
    return false;
}

std::int64_t Table::entries() {
    // Nobody else writes while this transaction lasts: one look is enough.
    if (!std::exchange(has_looked_, true)) {
        const auto version = number_of(Query::data_version);
        if (std::exchange(version_, version) != version) entries_.reset();
    }
    if (!entries_) entries_ = number_of(Query::count);
    return *entries_;
}

void Table::make_room(Now now) {
    const auto most =
        static_cast<std::int64_t>(std::min<std::size_t>(options_.max_entries, no_limit));
    if (entries() < most) return;
    drop(Query::drop_expired, no_limit, now.milliseconds());
    if (entries() < most) return;
    const auto share = entries() / static_cast<std::int64_t>(std::clamp<std::size_t>(
                                       options_.cull_frequency, 1, no_limit));
    // More than a share where another process, or an earlier one, allows more entries.
    const auto victims = std::max({std::int64_t{1}, share, entries() - most + 1});
    auto dropped = drop(Query::drop_ending, victims);
    const bool is_late = database_.deadline().is_advanced() && entries() < most;
    if (dropped < victims && !is_late) dropped += drop(Query::drop_endless, victims - dropped);
    if (dropped == 0) fail_unchanged();
}

std::int64_t Table::drop(Query query, std::int64_t most, std::optional<Milliseconds> now) {
    // One entry is room enough. The next writer goes on where this one has no time.
    return drop_until(database_.deadline().advanced(), query, most, now);
}

std::int64_t Table::drop_until(std::chrono::steady_clock::time_point end, Query query,
                               std::int64_t most, std::optional<Milliseconds> now) {
    std::int64_t dropped = 0;
    auto before = std::chrono::steady_clock::now();
    for (std::int64_t slice = 1; dropped < most;) {
        const auto wanted = std::min(slice, most - dropped);
        auto dropping = run(query);
        dropping.integer(wanted);
        if (now) dropping.integer(*now);
        const auto done = change(dropping);
        dropped += done;
        if (entries_) *entries_ -= done;
        const auto after = std::chrono::steady_clock::now();
        if (done < wanted || after >= end) break;
        // One by one where they are large.
        const bool is_quick = after - before < database_.deadline().whole / 64;
        slice = is_quick ? std::min(slice * 2, largest_slice) : 1;
        before = after;
    }
    return dropped;
}

void Table::purge_now_and_then(std::size_t written, Now now) {
    written_ += written;
    if (written_ < written_between_purges) return;
    // Twice as many as came, so that those that nobody reads again do not pile up.
    drop(Query::drop_expired,
         std::min(2 * static_cast<std::int64_t>(std::exchange(written_, 0)), most_purged),
         now.milliseconds());
}

Outcome Table::remaining_lifetime(std::string_view key, Now now, Lifetime& left) {
    auto finding = run(Query::expiry);
    if (!finding.blob(key).integer(now.milliseconds()).next()) {
        return Outcome::declined_by_backend();
    }
    left = finding.is_null_at(0) ? Lifetime{never} : now.until(finding.integer_at(0));
    return {};
}

std::vector<std::string> Table::list(std::string_view prefix, std::string_view first, Now now) {
    const auto end = end_of_prefix(prefix);
    auto listing = run(end ? Query::list : Query::list_to_end);
    listing.blob(first).integer(now.milliseconds()).integer(keys_listed_at_once);
    if (end) listing.blob(*end);
    std::vector<std::string> keys;
    while (listing.next()) keys.emplace_back(listing.blob_at(0));
    return keys;
}

std::vector<Fact> Table::facts() {
    const auto number = [this](std::string_view sql) { return std::stoll(database_.ask(sql)); };
    return {
        {{}, "entries", std::to_string(number_of(Query::count))},
        {{}, "bytes", std::to_string(number("PRAGMA page_count") * number("PRAGMA page_size"))},
        {{}, "path", options_.path},
        {{}, "table", options_.table},
        {{}, "journal_mode", database_.ask("PRAGMA journal_mode")},
        {{}, "sqlite_version", sqlite3_libversion()},
    };
}

}  // namespace cachemodel::sqlite
