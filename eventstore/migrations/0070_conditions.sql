-- What a decision was founded on and what its append must find true at its end, such as that a course is still there.
-- Asked after the rows were written, so that the locks on them decide which of two commands sees the other.
CREATE FUNCTION log.require(holds boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT holds THEN
        RAISE EXCEPTION 'what this was decided on has changed' USING ERRCODE = 'NC004';
    END IF;
END $$;
