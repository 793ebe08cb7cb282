-- Registrations that expired before expiring overwrote them: name, address and password hash go.
SELECT log.forget(array_agg(stream), array_agg(1), array_agg(version - 1)) FROM log.events WHERE type = 'RegistrationExpired';
