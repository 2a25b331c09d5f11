// cachemodel: the part of a user's program that does not know of caches.
// SPDX-License-Identifier: MIT
bool memcached_is_known();

int main() { return memcached_is_known() ? 0 : 1; }
