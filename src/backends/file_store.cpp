// cachemodel: what is done with one entry of a file cache.
// SPDX-License-Identifier: MIT
#include "backends/file_store.hpp"

#include "backends/file_culling.hpp"
#include "counter_text.hpp"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace cachemodel::file {

namespace {

constexpr int write_flags = (entry_flags & ~O_ACCMODE) | O_RDWR;

/// What stands under a name, as a reader sees it.
struct Standing {
    enum class State : std::uint8_t { absent, over, live };

    State state = State::absent;
    Head head;
    MissReason reason = MissReason::nothing_stored;  ///< why it is absent

    bool is_live() const noexcept { return state == State::live; }
};

/// Not open where there is nothing, or nothing that could be an entry. A directory is opened for
/// reading only.
Descriptor open_entry(int directory, const char* name, int flags) {
    Descriptor entry = try_open(directory, name, flags);
    if (!entry.is_open() && errno == EISDIR) entry = try_open(directory, name, entry_flags);
    if (entry.is_open()) return entry;
    switch (errno) {
        case ENOENT:
        case ELOOP:   // a symbolic link
        case EMLINK:  // the same, on FreeBSD
        case ENXIO:   // a socket
        case ENOTDIR:
            return entry;
        default:
            throw DiskError{errno, "open a file"};
    }
}

/// A directory with something in it is not replaced by the next write, as all else is that is no
/// entry.
void refuse_full_directory(const Descriptor& entry, const EntryName& name) {
    if (!S_ISDIR(status_of(entry).st_mode)) return;
    for_each_name(entry.number(), [&](const char*, Kind) {
        throw DiskError{BackendFault::unavailable,
                        std::string{name.path()} + " is a directory that is not empty"};
    });
}

/// Errors: `DiskError`.
Standing standing_of(const Descriptor& entry, const EntryName& name, std::string_view key,
                     Milliseconds now, Buffer& buffer) {
    if (!entry.is_open()) return {};
    const auto [head, reason] = read_head(entry, buffer, key);
    if (!head) {
        refuse_full_directory(entry, name);
        return {.reason = reason};
    }
    return {is_over(head->expires_at, now) ? Standing::State::over : Standing::State::live, *head};
}

/// Goes through the entries once: what was visited cannot be taken back, and what goes away
/// meanwhile need not be visited. Visits what it can before it throws.
template <class Visit>
void for_each_entry(const Root& root, Visit visit) {
    std::optional<DiskError> first_error;
    for (unsigned number = 0; number < shelf_count; ++number) {
        const auto error = on_shelf(root, number, [&](const Descriptor& shelf) {
            for (const auto& name : names_on(shelf).entries) visit(shelf, name.c_str());
        });
        if (error && !first_error) first_error = error;
    }
    if (first_error) throw DiskError{*first_error};
}

/// Removes what stands under the name, on a shelf whose lock is held. A directory did not count.
void remove_entry(const Root& root, const EntryName& name, const Descriptor& shelf) {
    if (remove_name(shelf.number(), name.file()) == Removed::file) {
        shrink(root, name.shelf(), shelf, 1);
    }
}

/// The entry, for who only reads it.
Descriptor find_entry(const Root& root, const EntryName& name) {
    const Descriptor shelf = find_shelf(root, name.shelf());
    if (!shelf.is_open()) return {};
    return open_entry(shelf.number(), name.file(), entry_flags);
}

}  // namespace

EntryStore::EntryStore(FileOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock), location_(options_.directory) {}

EntryStore::Answer EntryStore::read(std::string_view key, const EntryName& name, Buffer& buffer) {
    const auto root = location_.find();
    if (!root) return MissReason::nothing_stored;
    const Descriptor entry = find_entry(*root, name);
    const Standing standing = standing_of(entry, name, key, now(), buffer);
    if (standing.state == Standing::State::over) purge(*root, name, key);
    if (!standing.is_live()) return standing.reason;
    const auto value = read_value(entry, standing.head, buffer);
    if (!value) return MissReason::corrupt;
    return Found{*value, standing.head.token};
}

/// Whether add and compare-and-set may write over what is there. What a reader cannot find is not
/// there.
bool EntryStore::permits(const Descriptor& shelf, Store how, const Entry& wanted,
                         const EntryName& name) const {
    if (how == Store::set) return true;
    Buffer buffer;
    const Descriptor entry = open_entry(shelf.number(), name.file(), entry_flags);
    const Standing standing = standing_of(entry, name, wanted.key, now(), buffer);
    const bool is_there =
        standing.is_live() && read_value(entry, standing.head, buffer).has_value();
    if (how == Store::add) return !is_there;
    return is_there && standing.head.token == wanted.token;
}

Outcome EntryStore::store(Store how, const Entry& entry, const EntryName& name,
                          Patience& patience) {
    const auto root = how == Store::compare_and_set ? location_.find() : location_.find_or_make();
    if (!root) return Outcome::declined_by_backend();
    const Descriptor shelf = find_or_make_shelf(*root, name.shelf());
    // What will be declined need not be written first.
    if (!permits(shelf, how, entry, name)) return Outcome::declined_by_backend();
    Draft draft{shelf, entry.key, entry.value, end_of(entry.lifetime, clock_.wall())};
    const auto publish_if_there_is_room = [&]() -> std::optional<Outcome> {
        const HeldLock lock = patience.lock(root->queues->shelves[name.shelf()], shelf);
        if (!permits(shelf, how, entry, name)) return Outcome::declined_by_backend();
        auto old = status_of(shelf.number(), name.file());
        // Only a directory cannot be renamed over. This removes it if it is empty; it did not
        // count.
        if (old && S_ISDIR(old->st_mode)) {
            remove_name(shelf.number(), name.file(), std::string{"remove "} + name.path());
            old.reset();
        }
        if (!old && !grow(*root, name.shelf(), options_.max_entries, patience)) return std::nullopt;
        try {
            draft.publish(name.file());
        } catch (const DiskError&) {
            if (!old) shrink(*root, name.shelf(), shelf, 1);
            throw;
        }
        return Outcome{};
    };
    auto outcome = publish_if_there_is_room();
    const auto make_room_and_publish = [&] {
        make_room(*root, options_.max_entries, options_.cull_frequency, now(), patience);
        outcome = publish_if_there_is_room();
    };
    if (!outcome) make_room_and_publish();
    // Room was made, and others have taken it.
    while (!outcome) patience.repeat(make_room_and_publish);
    return *outcome;
}

Outcome EntryStore::remove(std::string_view key, const EntryName& name, Patience& patience) {
    const auto root = location_.find();
    const Descriptor shelf = root ? find_shelf(*root, name.shelf()) : Descriptor{};
    if (!shelf.is_open()) return Outcome::declined_by_backend();
    const HeldLock lock = patience.lock(root->queues->shelves[name.shelf()], shelf);
    Buffer buffer;
    const Descriptor entry = open_entry(shelf.number(), name.file(), entry_flags);
    const bool was_live = standing_of(entry, name, key, now(), buffer).is_live();
    remove_entry(*root, name, shelf);
    return was_live ? Outcome{} : Outcome::declined_by_backend();
}

Outcome EntryStore::touch(std::string_view key, const EntryName& name, Lifetime lifetime,
                          Patience& patience) {
    const auto root = location_.find();
    const Descriptor shelf = root ? find_shelf(*root, name.shelf()) : Descriptor{};
    if (!shelf.is_open()) return Outcome::declined_by_backend();
    const HeldLock lock = patience.lock(root->queues->shelves[name.shelf()], shelf);
    const Descriptor entry = open_entry(shelf.number(), name.file(), write_flags);
    Buffer buffer;
    const Standing standing = standing_of(entry, name, key, now(), buffer);
    if (!standing.is_live()) return Outcome::declined_by_backend();
    write_expiry(entry, standing.head, end_of(lifetime, clock_.wall()));
    return {};
}

Outcome EntryStore::increment(std::string_view key, std::int64_t delta, std::int64_t& value,
                              Patience& patience) {
    const EntryName name{key};
    const auto root = location_.find();
    const Descriptor shelf = root ? find_shelf(*root, name.shelf()) : Descriptor{};
    if (!shelf.is_open()) return Outcome::declined_by_backend();
    const HeldLock lock = patience.lock(root->queues->shelves[name.shelf()], shelf);
    const Descriptor entry = open_entry(shelf.number(), name.file(), entry_flags);
    Buffer buffer;
    const Standing standing = standing_of(entry, name, key, now(), buffer);
    if (!standing.is_live()) return Outcome::declined_by_backend();
    const auto stored = read_value(entry, standing.head, buffer);
    if (!stored) return Outcome::declined_by_backend();
    std::int64_t sum = 0;
    Outcome outcome = detail::add_to_counter(*stored, delta, sum);
    if (!outcome.done()) return outcome;
    Draft{shelf, key, std::to_string(sum), standing.head.expires_at}.publish(name.file());
    value = sum;
    return outcome;
}

Outcome EntryStore::remaining_lifetime(std::string_view key, Lifetime& left) {
    const EntryName name{key};
    const auto root = location_.find();
    if (!root) return Outcome::declined_by_backend();
    const Descriptor entry = find_entry(*root, name);
    Buffer buffer;
    const Milliseconds time = now();
    const Standing standing = standing_of(entry, name, key, time, buffer);
    if (!standing.is_live()) return Outcome::declined_by_backend();
    const Milliseconds end = standing.head.expires_at;
    left = end == forever ? Lifetime{never} : Lifetime{std::chrono::milliseconds{end - time}};
    return {};
}

void EntryStore::list_keys(std::string_view prefix, KeySink& sink) {
    const auto root = location_.find();
    if (!root) return;
    Buffer buffer;
    const Milliseconds time = now();
    for_each_entry(*root, [&](const Descriptor& shelf, const char* name) {
        const Descriptor entry = open_entry(shelf.number(), name, entry_flags);
        if (!entry.is_open()) return;
        const auto head = read_head(entry, buffer).head;
        if (!head || is_over(head->expires_at, time)) return;
        // Under another name no reader finds it.
        if (!head->key.starts_with(prefix) || std::string_view{name} != EntryName{head->key}.file())
            return;
        sink.key(head->key);
    });
}

EntryStore::Usage EntryStore::usage() {
    Usage usage;
    const auto root = location_.find();
    if (!root) return usage;
    for_each_entry(*root, [&](const Descriptor& shelf, const char* name) {
        const auto status = status_of(shelf.number(), name);
        if (!status) return;
        ++usage.entries;
        usage.bytes += static_cast<std::uint64_t>(status->st_size);
    });
    return usage;
}

/// Removes what has expired, unless it was written again meanwhile or somebody is at it. A reader
/// neither waits for that nor fails by it.
void EntryStore::purge(const Root& root, const EntryName& name, std::string_view key) const {
    try {
        const Descriptor shelf = find_shelf(root, name.shelf());
        if (!shelf.is_open()) return;
        const HeldLock lock = try_lock(shelf);
        if (!lock.is_held()) return;
        Buffer buffer;
        const Descriptor entry = open_entry(shelf.number(), name.file(), entry_flags);
        if (standing_of(entry, name, key, now(), buffer).state != Standing::State::over) return;
        remove_entry(root, name, shelf);
    } catch (const DiskError&) {
        return;
    }
}

void EntryStore::discard(const EntryName& name) {
    std::shared_ptr<const Root> root;
    try {
        root = location_.find();
        if (!root) return;
        const Descriptor shelf = find_shelf(*root, name.shelf());
        if (!shelf.is_open()) return;
        const HeldLock lock = try_lock(shelf);
        if (lock.is_held()) {
            remove_entry(*root, name, shelf);
        } else {
            remove_name(shelf.number(), name.file());
        }
    } catch (const DiskError&) {
        // Without a descriptor for the shelf, which may be what is lacking.
        if (root) ::unlinkat(root->directory.number(), name.path(), 0);
    }
}

}  // namespace cachemodel::file
